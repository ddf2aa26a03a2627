/*
 * New connections, as many as go: connect, 64 bytes there, 64 bytes back, and the server closes, as HTTP without keep-alive does. One thread and
 * one epoll at each end; what connects and closes is the kernel's TCP.
 *
 *   connections serve PORT                                      prints `ready`, serves until it is killed
 *   connections load ADDRESS PORT SECONDS AT_ONCE [RATE]        prints how many were completed, how many were not, seconds, and processor seconds,
 *                                                               as JSON; RATE: so many a second at most
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 64, EVENTS_MAX = 256, AT_ONCE_MAX = 4096, BACKLOG = 4096, FD_MAX = 65536 };
/* What no packet comes for in this time is given up, and counted. */
static const double PATIENCE_SEC = 1;

static void fail(const char *what)
{
  perror(what);
  exit(1);
}

static double now(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec + ts.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void watch(int epoll, int fd, uint32_t events, int operation)
{
  struct epoll_event event = { .events = events, .data.fd = fd };
  if (epoll_ctl(epoll, operation, fd, &event) < 0) fail("epoll_ctl");
}

static void serve(int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
  struct epoll_event events[EVENTS_MAX];
  char message[MESSAGE_BYTES] = { 0 };
  int one = 1, seconds = 1;
  int epoll = epoll_create1(0);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  /* Accepted when the request is there: one event instead of two. */
  setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
  if (listen(listener, BACKLOG) < 0) fail("listen");
  watch(epoll, listener, EPOLLIN, EPOLL_CTL_ADD);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int count = epoll_wait(epoll, events, EVENTS_MAX, -1);
    for (int at = 0; at < count; at++) {
      int fd = events[at].data.fd;
      int peer = fd == listener ? accept4(listener, NULL, NULL, SOCK_NONBLOCK) : fd;
      while (peer >= 0) {
        ssize_t got = read(peer, message, sizeof message);
        if (got < 0 && errno == EAGAIN) {
          if (fd == listener) watch(epoll, peer, EPOLLIN, EPOLL_CTL_ADD);
        } else {
          if (got > 0 && write(peer, message, sizeof message) < 0) errno = 0;
          close(peer);
        }
        if (fd != listener) break;
        peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      }
    }
  }
}

struct load {
  struct sockaddr_in address;
  int epoll;
  long completed, failed, begun;
  int open;
  double begun_at[FD_MAX];
};

static void begin(struct load *load)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || fd >= FD_MAX) fail("socket");
  load->begun++;
  if (connect(fd, (struct sockaddr *)&load->address, sizeof load->address) < 0 && errno != EINPROGRESS) {
    load->failed++;
    close(fd);
    return;
  }
  load->begun_at[fd] = now();
  load->open++;
  watch(load->epoll, fd, EPOLLOUT, EPOLL_CTL_ADD);
}

static void end(struct load *load, int fd, int is_complete)
{
  struct linger reset = { .l_onoff = 1, .l_linger = 0 };
  if (is_complete) load->completed++;
  else {
    load->failed++;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  load->begun_at[fd] = 0;
  load->open--;
  close(fd);
}

static void go_on(struct load *load, int fd, uint32_t events)
{
  char message[MESSAGE_BYTES] = { 0 };
  if (events & EPOLLOUT) {
    /* The server's close comes after its answer, so it alone is waited for: an answer that is left unread would be told again and again. */
    if (send(fd, message, sizeof message, MSG_NOSIGNAL) == sizeof message)
      watch(load->epoll, fd, EPOLLRDHUP, EPOLL_CTL_MOD);
    else end(load, fd, 0);
    return;
  }
  end(load, fd, read(fd, message, sizeof message) == sizeof message);
}

static void measure(const char *host, int port, double seconds, int at_once, double rate)
{
  static struct load load;
  struct epoll_event events[EVENTS_MAX];
  load.address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
  if (inet_pton(AF_INET, host, &load.address.sin_addr) != 1) fail("address");
  if (at_once < 1 || at_once > AT_ONCE_MAX) fail("AT_ONCE");
  load.epoll = epoll_create1(0);
  double start = now(), stop = start + seconds, cpu = cpu_seconds(), looked = start;
  for (double at = start; at < stop; at = now()) {
    long allowed = rate > 0 ? (long)((at - start) * rate) - load.begun : at_once;
    while (load.open < at_once && allowed-- > 0) begin(&load);
    int count = epoll_wait(load.epoll, events, EVENTS_MAX, 1);
    for (int each = 0; each < count; each++) go_on(&load, events[each].data.fd, events[each].events);
    if (at - looked < PATIENCE_SEC / 4) continue;
    looked = at;
    for (int fd = 0; fd < FD_MAX; fd++)
      if (load.begun_at[fd] > 0 && at - load.begun_at[fd] > PATIENCE_SEC) end(&load, fd, 0);
  }
  double took = now() - start;
  printf("{\"completed\":%ld,\"failed\":%ld,\"sec\":%.6f,\"cpuSec\":%.6f}\n", load.completed, load.failed, took,
         cpu_seconds() - cpu);
}

int main(int argc, char **argv)
{
  struct rlimit files = { FD_MAX, FD_MAX };
  setrlimit(RLIMIT_NOFILE, &files);
  if (argc == 3 && strcmp(argv[1], "serve") == 0) serve(atoi(argv[2]));
  if (argc < 6 || strcmp(argv[1], "load") != 0) return 2;
  measure(argv[2], atoi(argv[3]), atof(argv[4]), atoi(argv[5]), argc > 6 ? atof(argv[6]) : 0);
  return 0;
}
