/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of screens: binary PPM (Netpbm), PNG by libpng. */
#include "screendump.h"

#include <errno.h>
#include <stdlib.h>
#include "display-internal.h"
#ifdef HAVE_PNG
#include <png.h>
#endif

static void row_rgb(const struct display *d, unsigned y, uint8_t *to)
{
	const uint32_t *from = (const uint32_t *)((const uint8_t *)d->pixels + (size_t)y * d->stride);

	for (unsigned x = 0; x < d->width; x++) {
		*to++ = (uint8_t)(from[x] >> 16);
		*to++ = (uint8_t)(from[x] >> 8);
		*to++ = (uint8_t)from[x];
	}
}

int screendump_ppm(const struct display *d, FILE *to, struct err *e)
{
	uint8_t *row = malloc((size_t)d->width * 3);

	if (!row)
		return err_set(e, ENOMEM, "out of memory");
	fprintf(to, "P6\n%u %u\n255\n", d->width, d->height);
	for (unsigned y = 0; y < d->height && !ferror(to); y++) {
		row_rgb(d, y, row);
		fwrite(row, 3, d->width, to);
	}
	free(row);
	return ferror(to) || fflush(to) ? err_errno(e, errno ? errno : EIO, "cannot write the picture") : 0;
}

#ifdef HAVE_PNG
static void png_bytes(png_structp png, png_bytep data, png_size_t n)
{
	if (fwrite(data, 1, n, png_get_io_ptr(png)) != n)
		png_error(png, "cannot write the picture");
}

static void png_done(png_structp png)
{
	if (fflush(png_get_io_ptr(png)))
		png_error(png, "cannot write the picture");
}

/* longjmp() of libpng comes back here: what was taken is in the caller's. */
static int png_write(png_structp png, png_infop info, const struct display *d, FILE *to, uint8_t *row)
{
	if (setjmp(png_jmpbuf(png)))
		return -EIO;
	png_set_write_fn(png, to, png_bytes, png_done);
	png_set_IHDR(png, info, d->width, d->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (unsigned y = 0; y < d->height; y++) {
		row_rgb(d, y, row);
		png_write_row(png, row);
	}
	png_write_end(png, NULL);
	return 0;
}

int screendump_png(const struct display *d, FILE *to, struct err *e)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	uint8_t *row = malloc((size_t)d->width * 3);
	int r = !info || !row ? err_set(e, ENOMEM, "out of memory") : png_write(png, info, d, to, row);

	if (r < 0 && !e->code)
		err_set(e, EIO, "cannot write the picture");
	png_destroy_write_struct(&png, &info);
	free(row);
	return r;
}
#else
int screendump_png(const struct display *d, FILE *to, struct err *e)
{
	(void)d, (void)to;
	return err_set(e, ENOTSUP, "PNG is not built in (Debian package libpng-dev); format=ppm is");
}
#endif
