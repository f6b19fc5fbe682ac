/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ethernet frames whose sender left work undone: checksums to be filled in, TCP and UDP payloads larger than a frame to be cut up
 * (virtio 1.1, 5.1.6). Everything here checks what it reads; a frame that makes no sense is left as it is or refused.
 */
#ifndef BASE_FRAME_H
#define BASE_FRAME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* struct virtio_net_hdr in the host's order. */
struct frame_header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
};
enum { FRAME_NEEDS_CSUM = 1, FRAME_DATA_VALID = 2 };                                            /* flags */
enum { FRAME_GSO_NONE = 0, FRAME_GSO_TCPV4 = 1, FRAME_GSO_UDP = 3, FRAME_GSO_TCPV6 = 4, FRAME_GSO_ECN = 0x80 }; /* gso_type */
/* What an end takes: bits. */
enum { FRAME_CSUM = 1, FRAME_TSO4 = 2, FRAME_TSO6 = 4, FRAME_UFO = 8, FRAME_ECN = 16 };
#define FRAME_ALL (FRAME_CSUM | FRAME_TSO4 | FRAME_TSO6 | FRAME_UFO | FRAME_ECN)

/* The header's 10 bytes, little-endian; the 2 of num_buffers behind them are the caller's. */
void frame_header_read(struct frame_header *h, const uint8_t *wire);
void frame_header_write(const struct frame_header *h, uint8_t *wire);
/* Is what it says possible for a frame of that size? */
bool frame_header_ok(const struct frame_header *h, size_t size);
/* Must a frame with this header be worked on before an end that takes only `offloads` gets it? */
bool frame_needs_work(const struct frame_header *h, unsigned offloads);

/* Where things are in a frame. Offsets from its start. */
struct frame_layers {
	uint16_t type;        /* EtherType behind VLAN tags */
	uint8_t version;      /* of IP: 4, 6; 0: it is not IP */
	uint8_t protocol;     /* of the transport layer; 0: unknown */
	bool fragment;        /* of a datagram: the transport header may be missing */
	uint32_t network, transport, payload, end; /* payload: behind the TCP or UDP header; end: of the IP datagram, padding follows */
};
bool frame_parse(const uint8_t *frame, size_t size, struct frame_layers *l); /* false: it is too short for what it says */

/* Internet checksum (RFC 1071): adds bytes to a sum; the sum as it goes into a header. */
uint64_t frame_sum(const void *data, size_t size, uint64_t sum);
uint16_t frame_fold(uint64_t sum);
/* The sum of the pseudo header for `length` bytes of transport layer. */
uint64_t frame_pseudo_sum(const uint8_t *frame, const struct frame_layers *l, uint32_t length);

/* Fills in the checksum that the header asks for, which must be frame_header_ok(). */
void frame_checksum(const struct frame_header *h, uint8_t *frame, size_t size);

/*
 * Makes frames that anybody understands: each with its checksums, none larger than the header's gso_size asks for. emit gets each as
 * two parts, and returns false to end it. Returns 0, -EINVAL when the frame is not what its header says, -ECANCELED.
 */
typedef bool frame_emit(void *opaque, const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size);
int frame_segment(const struct frame_header *h, uint8_t *frame, size_t size, frame_emit *emit, void *opaque);
/* Cuts an IP datagram into fragments of at most `mtu` bytes each (with the IP header); smaller ones are emitted as they are. */
int frame_fragment(const uint8_t *frame, size_t size, unsigned mtu, frame_emit *emit, void *opaque);
#endif
