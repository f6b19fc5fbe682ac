/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conway's game of life on a torus: byte loads, adds, branches. life [SCALE] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { W = 256, H = 256 };
static unsigned char now[H][W], next[H][W];

int main(int argc, char **argv)
{
	long turns = (long)(160 * (argc > 1 ? atof(argv[1]) : 1.0)) + 1, alive = 0;
	unsigned s = 1;

	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			s = s * 1103515245u + 12345u;
			now[y][x] = (s >> 16) % 3 == 0;
		}
	for (long t = 0; t < turns; t++) {
		for (int y = 0; y < H; y++)
			for (int x = 0; x < W; x++) {
				int n = 0;
				for (int dy = H - 1; dy <= H + 1; dy++)
					for (int dx = W - 1; dx <= W + 1; dx++)
						if (dx != W || dy != H)
							n += now[(y + dy) % H][(x + dx) % W];
				next[y][x] = n == 3 || (n == 2 && now[y][x]);
			}
		memcpy(now, next, sizeof now);
	}
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			alive += now[y][x];
	printf("%ld turns, %ld alive\n", turns, alive);
	return 0;
}
