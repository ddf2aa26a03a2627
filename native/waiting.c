/* Frames that wait: see waiting.h. */
#include "waiting.h"

#include <stdlib.h>
#include <string.h>

#include "burst.h"

#define ENTRY_HEAD 16
#define ENTRY_VNET 6

bool waiting_resize(struct waiting *waiting, uint32_t capacity)
{
	if (capacity == waiting->capacity)
		return true;
	uint8_t *bytes = capacity > 0 ? malloc(capacity) : NULL;
	if (capacity > 0 && bytes == NULL)
		return false;
	free(waiting->bytes);
	*waiting = (struct waiting){.bytes = bytes, .capacity = capacity};
	return true;
}

static uint32_t entry_bytes(uint32_t len)
{
	return (ENTRY_HEAD + len + 15) & ~15u;
}

/* Room for an entry in one piece, or NULL. `head` == `tail` only when nothing waits. */
static uint8_t *reserve(struct waiting *waiting, uint32_t len)
{
	uint32_t bytes = entry_bytes(len);
	if (waiting->count == 0)
		waiting->head = waiting->tail = 0;
	if (waiting->tail >= waiting->head) {
		if (waiting->capacity - waiting->tail > bytes)
			return waiting->bytes + waiting->tail;
		if (waiting->head <= bytes)
			return NULL;
		memset(waiting->bytes + waiting->tail, 0, sizeof(uint32_t));
		waiting->tail = 0;
		return waiting->bytes;
	}
	return waiting->head - waiting->tail > bytes ? waiting->bytes + waiting->tail : NULL;
}

bool waiting_add(struct waiting *waiting, const struct outgoing *frame)
{
	uint8_t *entry = frame->len > 0 ? reserve(waiting, frame->len) : NULL;
	if (entry == NULL)
		return false;
	memcpy(entry, &frame->len, sizeof frame->len);
	memcpy(entry + ENTRY_VNET, frame->vnet, VNET_HEADER_LEN);
	memcpy(entry + ENTRY_HEAD, frame->frame, frame->len);
	waiting->tail += entry_bytes(frame->len);
	waiting->count++;
	return true;
}

void waiting_front(struct waiting *waiting, struct outgoing *frame)
{
	uint8_t *entry = waiting->bytes + waiting->head;
	memcpy(&frame->len, entry, sizeof frame->len);
	if (frame->len == 0) {
		waiting->head = 0;
		entry = waiting->bytes;
		memcpy(&frame->len, entry, sizeof frame->len);
	}
	frame->vnet = (struct vnet_header *)(entry + ENTRY_VNET);
	frame->frame = entry + ENTRY_HEAD;
	frame->descriptor = NULL;
}

void waiting_drop_front(struct waiting *waiting, const struct outgoing *frame)
{
	waiting->head += entry_bytes(frame->len);
	waiting->count--;
}
