/*
 * Frames that wait for a port, in order: a ring of entries, each in one piece. It allocates when its capacity changes, never for a frame.
 * Called by shaper.c.
 */
#ifndef WEFT_WAITING_H
#define WEFT_WAITING_H

#include <stdbool.h>
#include <stdint.h>

struct outgoing;

/* Entries of [len u32, 2 bytes, virtio_net_hdr, frame]; len 0: on at the start. */
struct waiting {
	uint8_t *bytes;
	uint32_t capacity;
	uint32_t head;
	uint32_t tail;
	uint32_t count;
};

/* Another capacity starts empty; 0 frees it. False: no memory, nothing has changed. */
bool waiting_resize(struct waiting *waiting, uint32_t capacity);
/* Copies the frame; false: there is no room. */
bool waiting_add(struct waiting *waiting, const struct outgoing *frame);
/* The frame that has waited longest, where it lies; something waits. */
void waiting_front(struct waiting *waiting, struct outgoing *frame);
void waiting_drop_front(struct waiting *waiting, const struct outgoing *frame);

#endif
