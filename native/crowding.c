/*
 * See crowding.h. The kernel counts runnable threads in /proc/loadavg (proc(5), fourth field before the slash). A wait, unlike sched_yield,
 * leaves the processor idle for a moment, and an idle processor takes waiting threads over from others: so it serves a receiver that shares
 * its core with the sender, too.
 */
#include "crowding.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Reading /proc/loadavg costs some microseconds: once in so many bursts that is nothing. */
#define LOOK_EVERY 64
/* Giving way makes the machine look less crowded; so what was seen holds for a while, a tenth of a second under load. */
#define HOLD_CALLS 1024
/* Plus the timer slack of the thread, 50 microseconds by default (prctl(2), PR_SET_TIMERSLACK). */
#define WAIT_NANOSEC 20000

void crowding_open(struct crowding *crowding)
{
	crowding->loadavg_fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	crowding->processors = sysconf(_SC_NPROCESSORS_ONLN);
	crowding->calls = 0;
	crowding->crowded_calls = 0;
}

void crowding_close(struct crowding *crowding)
{
	if (crowding->loadavg_fd >= 0)
		close(crowding->loadavg_fd);
}

static bool is_crowded_now(const struct crowding *crowding)
{
	char text[64];
	ssize_t len = pread(crowding->loadavg_fd, text, sizeof text - 1, 0);
	long runnable = 0;
	if (len <= 0)
		return false;
	text[len] = '\0';
	return sscanf(text, "%*s %*s %*s %ld/", &runnable) == 1 && runnable > crowding->processors;
}

void crowding_give_way(struct crowding *crowding)
{
	if (crowding->loadavg_fd < 0)
		return;
	if (crowding->calls++ % LOOK_EVERY == 0 && is_crowded_now(crowding))
		crowding->crowded_calls = HOLD_CALLS;
	if (crowding->crowded_calls == 0)
		return;
	crowding->crowded_calls--;
	const struct timespec wait = {.tv_nsec = WAIT_NANOSEC};
	nanosleep(&wait, NULL);
}
