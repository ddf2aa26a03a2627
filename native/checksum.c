/*
 * Internet checksum, RFC 1071: see checksum.h. Two 32-byte vectors a step; each 32-bit lane adds both its 16-bit halves, so that no
 * carry is lost and none has to be handled. Compiled twice, for AVX2 and for the baseline; the loader picks (GNU ifunc).
 */
#include "checksum.h"

/* A sanitizer's run-time is not ready when ifunc resolvers run. */
#if defined(__x86_64__) && !defined(WEFT_SANITIZE)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VECTOR_CLONES
#endif

#define STEP 64

typedef uint32_t lanes __attribute__((vector_size(32)));

static uint32_t lanes_sum(const lanes *sums)
{
	uint64_t total = 0;
	for (int lane = 0; lane < 8; lane++)
		total += (*sums)[lane];
	total = (total & 0xffffffff) + (total >> 32);
	return (uint32_t)((total & 0xffff) + (total >> 16));
}

/* The last 0 … 63 bytes. */
static uint32_t tail_add(const uint8_t *at, size_t len)
{
	uint32_t sum = 0;
	uint16_t word;
	for (; len >= 2; at += 2, len -= 2) {
		memcpy(&word, at, sizeof word);
		sum += word;
	}
	return len > 0 ? sum + *at : sum;
}

VECTOR_CLONES uint32_t checksum_add(uint32_t sum, const uint8_t *at, size_t len)
{
	lanes a, b, sums = {0};
	for (; len >= STEP; at += STEP, len -= STEP) {
		memcpy(&a, at, sizeof a);
		memcpy(&b, at + sizeof a, sizeof b);
		sums += (a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16);
	}
	return checksum_fold(sum) + lanes_sum(&sums) + tail_add(at, len);
}

VECTOR_CLONES uint32_t checksum_move(uint32_t sum, uint8_t *to, const uint8_t *from, size_t len)
{
	lanes a, b, sums = {0};
	for (; len >= STEP; from += STEP, to += STEP, len -= STEP) {
		memcpy(&a, from, sizeof a);
		memcpy(&b, from + sizeof a, sizeof b);
		memcpy(to, &a, sizeof a);
		memcpy(to + sizeof a, &b, sizeof b);
		sums += (a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16);
	}
	uint32_t tail = tail_add(from, len);
	memmove(to, from, len);
	return checksum_fold(sum) + lanes_sum(&sums) + tail;
}
