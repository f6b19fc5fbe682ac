/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Mandelbrot set and a little trigonometry: double arithmetic. mandel [SCALE] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	int size = (int)(420 * sqrt(argc > 1 ? atof(argv[1]) : 1.0)) + 1;
	long inside = 0;
	double sum = 0;

	for (int py = 0; py < size; py++)
		for (int px = 0; px < size; px++) {
			double cx = px * 3.0 / size - 2.25, cy = py * 3.0 / size - 1.5, x = 0, y = 0;
			int i;
			for (i = 0; i < 120 && x * x + y * y < 4; i++) {
				double t = x * x - y * y + cx;
				y = 2 * x * y + cy;
				x = t;
			}
			inside += i == 120;
			sum += sin(cx) * cos(cy);
		}
	printf("%d squared, %ld inside, %.9f\n", size, inside, sum);
	return 0;
}
