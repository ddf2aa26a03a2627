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

/* The last 0 … 63 bytes, copied to `to` unless that is NULL. Every load comes before the store that could overwrite it. */
static inline __attribute__((always_inline)) uint32_t tail_sum(uint8_t *to, const uint8_t *from,
							       size_t len)
{
	uint64_t sum = 0, eight;
	uint16_t word;
	for (; len >= sizeof eight; from += sizeof eight, len -= sizeof eight) {
		memcpy(&eight, from, sizeof eight);
		if (to != NULL)
			to = (uint8_t *)memcpy(to, &eight, sizeof eight) + sizeof eight;
		sum += (eight & 0xffffffff) + (eight >> 32);
	}
	for (; len >= sizeof word; from += sizeof word, len -= sizeof word) {
		memcpy(&word, from, sizeof word);
		if (to != NULL)
			to = (uint8_t *)memcpy(to, &word, sizeof word) + sizeof word;
		sum += word;
	}
	if (len > 0) {
		sum += *from;
		if (to != NULL)
			*to = *from;
	}
	return (uint32_t)(sum & 0xffff) + (uint32_t)(sum >> 16 & 0xffff) + (uint32_t)(sum >> 32);
}

VECTOR_CLONES uint32_t checksum_add(uint32_t sum, const uint8_t *at, size_t len)
{
	lanes a, b, sums = {0};
	for (; len >= STEP; at += STEP, len -= STEP) {
		memcpy(&a, at, sizeof a);
		memcpy(&b, at + sizeof a, sizeof b);
		sums += (a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16);
	}
	return checksum_fold(sum) + lanes_sum(&sums) + tail_sum(NULL, at, len);
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
	return checksum_fold(sum) + lanes_sum(&sums) + tail_sum(to, from, len);
}
