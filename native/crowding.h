/*
 * Whether the machine has more to run than processors: then the switch must give way to the programs whose frames it carries, or it spends
 * its time on frames that are lost in the full socket buffer of a receiver that never gets to run.
 */
#ifndef WEFT_CROWDING_H
#define WEFT_CROWDING_H

#include <stdbool.h>
#include <stdint.h>

struct crowding {
	int loadavg_fd; /* -1: unknown, never crowded */
	long processors;
	uint32_t calls;
	uint32_t crowded_calls; /* for so many calls more it counts as crowded */
};

void crowding_open(struct crowding *crowding);
void crowding_close(struct crowding *crowding);

/* After a burst of small frames: waits some 50 microseconds if the machine is crowded, so that whoever waits for a processor gets one. */
void crowding_give_way(struct crowding *crowding);

#endif
