/*
 * Transactions of the kind TCP_CRR: connect, one byte each way, close. Stands at both ends of the benchmark's "new connections" measure,
 * so that what differs between two runs is the switch. One connection at a time; the client resets instead of waiting, so that no port
 * stays in TIME-WAIT. Prints connections per second.
 *
 *   connect-rate server PORT                  prints `ready`, serves until it is killed
 *   connect-rate client ADDRESS PORT SECONDS
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void serve(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  if (listen(listener, 1024) < 0) fail("listen");
  puts("ready");
  fflush(stdout);
  for (;;) {
    char byte;
    int peer = accept(listener, NULL, NULL);
    if (peer < 0) continue;
    if (read(peer, &byte, 1) == 1 && write(peer, &byte, 1) != 1) perror("write");
    close(peer);
  }
}

static void measure(const char *host, int port, double seconds) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  struct timeval patience = {.tv_sec = 2};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("address");
  long count = 0;
  double start = now(), end = start + seconds;
  while (now() < end) {
    char byte = 'x';
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(peer, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    if (write(peer, &byte, 1) != 1) fail("write");
    if (read(peer, &byte, 1) != 1) fail("read");
    close(peer);
    count++;
  }
  printf("%.1f\n", count / (now() - start));
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "server") == 0) serve(atoi(argv[2]));
  if (argc != 5 || strcmp(argv[1], "client") != 0) return 2;
  measure(argv[2], atoi(argv[3]), atof(argv[4]));
  return 0;
}
