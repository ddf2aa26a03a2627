/*
 * How long 64 bytes there and back take over two connections that are open already, one after the other, so that whatever the machine does meanwhile
 * happens to both. A pause before each, so that nothing is warm that would not be.
 *
 *   round-trips serve PORT                                                  prints `ready`, serves until it is killed
 *   round-trips measure ADDRESS PORT OTHER_ADDRESS PORT COUNT PAUSE_US      prints, line by line, microseconds by the one and by the other
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 64, PEERS_MAX = 64, WARM_UP = 50 };

static void fail(const char *what)
{
  perror(what);
  exit(1);
}

static double now_us(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static void at_once(int fd)
{
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void serve(int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
  struct pollfd peers[PEERS_MAX] = { 0 };
  char message[MESSAGE_BYTES];
  int one = 1, count = 1;
  peers[0] = (struct pollfd){ .fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN };
  setsockopt(peers[0].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(peers[0].fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  if (listen(peers[0].fd, PEERS_MAX) < 0) fail("listen");
  puts("ready");
  fflush(stdout);
  for (;;) {
    if (poll(peers, count, -1) < 0) fail("poll");
    for (int at = count - 1; at > 0; at--) {
      if (peers[at].revents == 0) continue;
      ssize_t got = read(peers[at].fd, message, sizeof message);
      if (got > 0 && write(peers[at].fd, message, got) == got) continue;
      close(peers[at].fd);
      peers[at] = peers[--count];
    }
    if (peers[0].revents == 0 || count == PEERS_MAX) continue;
    int peer = accept(peers[0].fd, NULL, NULL);
    if (peer < 0) continue;
    at_once(peer);
    peers[count++] = (struct pollfd){ .fd = peer, .events = POLLIN };
  }
}

static int connected(const char *host, int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
  struct timeval patience = { .tv_sec = 5 };
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("address");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
  at_once(fd);
  return fd;
}

static double round_trip(int fd, const struct timespec *pause)
{
  char message[MESSAGE_BYTES] = { 0 };
  nanosleep(pause, NULL);
  double start = now_us();
  if (write(fd, message, sizeof message) != sizeof message) fail("write");
  for (size_t got = 0; got < sizeof message;) {
    ssize_t more = read(fd, message, sizeof message - got);
    if (more <= 0) fail("read");
    got += more;
  }
  return now_us() - start;
}

int main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "serve") == 0) serve(atoi(argv[2]));
  if (argc != 8 || strcmp(argv[1], "measure") != 0) return 2;
  struct timespec pause = { .tv_nsec = atol(argv[7]) * 1000 };
  int one = connected(argv[2], atoi(argv[3])), other = connected(argv[4], atoi(argv[5]));
  for (long count = -WARM_UP; count < atol(argv[6]); count++) {
    double first = round_trip(one, &pause), second = round_trip(other, &pause);
    if (count >= 0) printf("%.1f %.1f\n", first, second);
  }
  return 0;
}
