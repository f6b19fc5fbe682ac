/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames with any header: checksums, segments, fragments. The first 10 bytes are the header, the 11th the MTU. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool emit(void *opaque, const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size)
{
	size_t *left = opaque;
	volatile uint8_t sum = 0;

	for (size_t i = 0; i < head_size; i++)
		sum = (uint8_t)(sum + head[i]);
	for (size_t i = 0; i < body_size; i++)
		sum = (uint8_t)(sum + body[i]);
	return (*left)-- > 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_header h;
	struct frame_layers l;
	uint8_t *frame;
	size_t left = 300;

	if (size < 11)
		return 0;
	frame_header_read(&h, data);
	frame = malloc(size - 11); /* exactly: the sanitizer sees every byte beyond */
	if (!frame)
		return 0;
	memcpy(frame, data + 11, size - 11);
	frame_parse(frame, size - 11, &l);
	if (frame_header_ok(&h, size - 11))
		frame_checksum(&h, frame, size - 11);
	frame_segment(&h, frame, size - 11, emit, &left);
	left = 300;
	frame_fragment(frame, size - 11, data[10] * 8u, emit, &left);
	free(frame);
	return 0;
}
