/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A byte-code interpreter: switch dispatch (indirect jumps) plus handlers
 * called through a table (indirect calls). */
#include "common.h"

enum { PUSH, ADD, SUB, MUL, XOR, DUP, SWAP, LOAD, STORE, DEC, JNZ, CALLF, HALT };

static uint32_t f0(uint32_t x) { return x * 3 + 1; }
static uint32_t f1(uint32_t x) { return x ^ x >> 7; }
static uint32_t f2(uint32_t x) { return x << 5 | x >> 27; }
static uint32_t f3(uint32_t x) { return x - 0x9e3779b9u; }
static uint32_t (*volatile const fn[4])(uint32_t) = {f0, f1, f2, f3};

static const uint8_t prog[] = {
    /* loop: */ LOAD, 1, PUSH, 17, MUL, DUP, CALLF, 0, XOR, LOAD, 2, ADD, CALLF, 1, STORE, 1,
    LOAD, 2, LOAD, 1, SWAP, SUB, CALLF, 2, PUSH, 5, XOR, CALLF, 3, STORE, 2,
    DEC, 0, JNZ, 0, HALT};

int main(int argc, char **argv)
{
    uint32_t st[16], var[4] = {0, 1, 2, 3};
    int sp = 0;
    const uint8_t *pc = prog;

    var[0] = (uint32_t)scaled(argc, argv, 11000000);
    for (;;) {
        switch (*pc++) {
        case PUSH:  st[sp++] = *pc++; break;
        case ADD:   sp--; st[sp - 1] += st[sp]; break;
        case SUB:   sp--; st[sp - 1] -= st[sp]; break;
        case MUL:   sp--; st[sp - 1] *= st[sp]; break;
        case XOR:   sp--; st[sp - 1] ^= st[sp]; break;
        case DUP:   st[sp] = st[sp - 1]; sp++; break;
        case SWAP:  { uint32_t t = st[sp - 1]; st[sp - 1] = st[sp - 2]; st[sp - 2] = t; break; }
        case LOAD:  st[sp++] = var[*pc++]; break;
        case STORE: var[*pc++] = st[--sp]; break;
        case DEC:   var[*pc++]--; break;
        case JNZ:   if (var[0]) pc = prog + *pc; else pc++; break;
        case CALLF: st[sp - 1] = fn[*pc++](st[sp - 1]); break;
        case HALT:
            printf("interp %08x %08x\n", var[1], var[2]);
            return 0;
        }
    }
}
