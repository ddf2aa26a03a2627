/*
 * Internet checksum, RFC 1071, over byte ranges and while moving them.
 *
 * A sum is the ones' complement sum of 16-bit words in memory order, kept in 32 bits with its carries not yet folded; sums of ranges
 * that begin at even offsets from one another add up. Because the words are never byte-swapped, a folded sum is stored with
 * checksum_store, not store16 (RFC 1071 §2 B).
 */
#ifndef WEFT_CHECKSUM_H
#define WEFT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Longest range one call sums: keeps every 32-bit lane from overflowing. */
#define CHECKSUM_BYTES_MAX (1u << 20)

/* `sum` plus the words of [at, at + len). */
uint32_t checksum_add(uint32_t sum, const uint8_t *at, size_t len);

/* The same, copying the range to `to` on the way. The ranges may overlap if `to` is below `from`. */
uint32_t checksum_move(uint32_t sum, uint8_t *to, const uint8_t *from, size_t len);

/* Down to 16 bits, carries folded in. */
static inline uint16_t checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* A host-order number as a word of a sum. */
static inline uint32_t checksum_word(uint16_t value)
{
	return __builtin_bswap16(value);
}

static inline void checksum_store(uint8_t *at, uint16_t folded)
{
	memcpy(at, &folded, sizeof folded);
}

/* Sum of the TCP/UDP pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1): addresses of `addresses_len` bytes, protocol, length. */
static inline uint32_t checksum_pseudo(const uint8_t *addresses, size_t addresses_len,
				       uint8_t protocol, uint32_t l4_len)
{
	uint32_t sum = checksum_word(protocol) + checksum_word((uint16_t)l4_len) +
		       checksum_word((uint16_t)(l4_len >> 16));
	return checksum_add(sum, addresses, addresses_len);
}

#endif
