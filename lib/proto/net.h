/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network cable between two programs (emu-net(7)).
 *
 * Stream sockets: each Ethernet frame (without its check sequence) after its length in 4 bytes, big-endian. Packet sockets: one frame a message.
 *
 * An end that can take a virtio_net_hdr (virtio 1.1, 5.1.6; 12 bytes, little-endian) before each frame says so with a hello, which no frame
 * can be: a length of NET_HELLO, which is above every frame's, and 4 bytes of flags; on a packet socket a message of these 8 bytes. All frames
 * that an end sends behind its hello carry the header. The end that connects speaks first; the other answers only if it was spoken to,
 * so that a peer which knows nothing of this never sees it.
 */
#ifndef PROTO_NET_H
#define PROTO_NET_H

#define NET_FRAME_MAX (68 * 1024)  /* bytes of a frame with its header: a segmented one of 64 KiB */
#define NET_HELLO 0x454d5531u      /* "EMU1" */
#define NET_HELLO_SIZE 8
#define NET_HEADER 1u              /* flag: frames carry a virtio_net_hdr */
#define NET_HEADER_SIZE 12
#endif
