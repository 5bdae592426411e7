/*
Layers of a network in float32, each in one pass: what is computed on the way stays in registers and in the
nearest cache. They are those of numpy_layers.py and numpy_mixers.py; fused.py compiles this file and packs their
matrices. Vectors are WIDTH numbers of the processor; "depth" is what a product sums over.

A packed matrix is [columns][depth][PANEL]. A column of a product is PANEL outputs; one of a gated product is
WIDTH of the gate, and WIDTH of what the gate lets through.
*/

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__AVX512F__)
#define WIDTH 16
#elif defined(__AVX__)
#define WIDTH 8
#else
#define WIDTH 4
#endif
#define PANEL (2 * WIDTH)
#define TILE 54 /* rows that are worked on at once */

typedef float vector __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int32_t whole __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

#define AT(place) (*(vector *)(place))
#define FROM(place) (*(const vector *)(place))
#define INLINE static inline __attribute__((always_inline))

INLINE vector smaller(vector a, vector b) {
    whole first = a < b;
    return (vector)(((whole)a & first) | ((whole)b & ~first));
}

/* e^x to 2e-7 of it; beyond +-87 it stays. The polynomial is that of Cephes, for half an octave to either side. */
INLINE vector exponential(vector x) {
    const vector none = {0};
    x = -smaller(-smaller(x, none + 87.0f), none + 87.0f);
    vector shifted = x * 1.44269504f + 12582912.0f; /* its lowest bits count the octaves */
    vector octaves = shifted - 12582912.0f;
    vector f = x - octaves * 0.693359375f - octaves * -2.12194440e-4f;
    vector p = none + 1.9875691500e-4f;
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * f * f + f + 1.0f;
    return (vector)((whole)p + ((whole)shifted << 23));
}

/* sums [R][2]: R rows of a, times one column. They are as many as registers hold. */
#define SUMS(R)                                                                                                \
    vector sums[R][2];                                                                                         \
    for (int r = 0; r < R; r++) sums[r][0] = sums[r][1] = (vector){0};                                         \
    for (int k = 0; k < depth; k++) {                                                                          \
        vector left = FROM(column + k * PANEL), right = FROM(column + k * PANEL + WIDTH);                      \
        _Pragma("GCC unroll 6") for (int r = 0; r < R; r++) {                                                  \
            sums[r][0] += a[r * depth + k] * left;                                                             \
            sums[r][1] += a[r * depth + k] * right;                                                            \
        }                                                                                                      \
    }

#define PRODUCT(R)                                                                                             \
    INLINE void product##R(const float *a, int depth, const float *column, float *out, int width) {            \
        SUMS(R)                                                                                                \
        for (int r = 0; r < R; r++) {                                                                          \
            AT(out + r * width) = sums[r][0];                                                                  \
            AT(out + r * width + WIDTH) = sums[r][1];                                                          \
        }                                                                                                      \
    }

#define GATED(R)                                                                                               \
    INLINE void gated##R(const float *a, int depth, const float *column, float *out, int width) {              \
        SUMS(R)                                                                                                \
        for (int r = 0; r < R; r++)                                                                            \
            AT(out + r * width) = sums[r][0] * sums[r][1] / (1.0f + exponential(-sums[r][0]));                 \
    }

/* a [rows, depth], times a packed matrix, to out [rows, width]. */
#define ALL(NAME, STEP)                                                                                        \
    static void NAME(const float *a, int rows, int depth, const float *matrix, float *out, int width) {        \
        for (int c = 0; c < width; c += STEP, matrix += depth * PANEL) {                                       \
            int r = 0;                                                                                         \
            for (; r + 6 <= rows; r += 6) NAME##6(a + r * depth, depth, matrix, out + r * width + c, width);   \
            for (; r + 3 <= rows; r += 3) NAME##3(a + r * depth, depth, matrix, out + r * width + c, width);   \
            for (; r < rows; r++) NAME##1(a + r * depth, depth, matrix, out + r * width + c, width);           \
        }                                                                                                      \
    }

PRODUCT(6)
PRODUCT(3)
PRODUCT(1)
ALL(product, PANEL)

GATED(6)
GATED(3)
GATED(1)
ALL(gated, WIDTH)

INLINE void add(float *to, const float *from, int count) {
    for (int i = 0; i < count; i += WIDTH) AT(to + i) += FROM(from + i);
}

/* Divide a vector by its root mean square. */
INLINE void norm(float *x, int width, float eps) {
    vector squares = {0};
    for (int i = 0; i < width; i += WIDTH) squares += FROM(x + i) * FROM(x + i);
    float sum = 0;
    for (int i = 0; i < WIDTH; i++) sum += squares[i];
    float scale = 1.0f / sqrtf(sum / width + eps);
    for (int i = 0; i < width; i += WIDTH) AT(x + i) *= scale;
}

/* The mean of each of some groups, to means [groups, width]. */
INLINE void mean(const float *x, int width, const int32_t *members, int size, int groups, float *means) {
    for (int g = 0; g < groups; g++, members += size, means += width)
        for (int i = 0; i < width; i += WIDTH) {
            vector sum = {0};
            for (int m = 0; m < size; m++) sum += FROM(x + (size_t)members[m] * width + i);
            AT(means + i) = sum / (float)size;
        }
}

/* Numbers that stand side by side in a packed column, and rows that room is asked for. */
int panel(void) { return PANEL; }
int tile(void) { return TILE; }

/*
Norm (unless that is done), SwiGLU and norm of each vector of x [rows, width], in place.
room: TILE * (hidden + width).
*/
void settle(float *x, int rows, int width, int normed, float eps, int hidden, const float *gate_up,
            const float *down, float *room) {
    float *let_through = room, *more = room + TILE * hidden;
    for (int start = 0; start < rows; start += TILE, x += TILE * width) {
        int some = rows - start < TILE ? rows - start : TILE;
        for (int r = 0; r < some && !normed; r++) norm(x + r * width, width, eps);
        gated(x, some, width, gate_up, let_through, hidden);
        product(let_through, some, hidden, down, more, width);
        for (int r = 0; r < some; r++) {
            add(x + r * width, more + r * width, width);
            norm(x + r * width, width, eps);
        }
    }
}

/*
The mean mixer: add to x [count, length, width] what is heard, in place.
sizes [relations] of groups. members [relations, length], group after group. group_of [relations, length], counted
through all relations. Matrices of the relations stand one after another; hidden may be 0.
room: (all groups + 2 * TILE) * width + TILE * hidden.
*/
void mix(float *x, int count, int length, int width, int relations, const int32_t *sizes, const int32_t *members,
         const int32_t *group_of, const float *maps, int hidden, const float *gate_up, const float *down,
         float *room) {
    float *means = room, *more = means + TILE * width, *let_through = more + TILE * width;
    float *heard = let_through + TILE * hidden;
    for (int puzzle = 0; puzzle < count; puzzle++, x += (size_t)length * width) {
        float *to = heard;
        for (int one = 0; one < relations; one++) {
            int size = sizes[one], groups = length / size;
            const int32_t *member = members + (size_t)one * length;
            for (int start = 0, some; start < groups; start += some, to += some * width, member += some * size) {
                some = groups - start < TILE ? groups - start : TILE;
                mean(x, width, member, size, some, means);
                product(means, some, width, maps + (size_t)one * width * width, to, width);
                if (!hidden) continue;
                gated(means, some, width, gate_up + (size_t)one * width * 2 * hidden, let_through, hidden);
                product(let_through, some, hidden, down + (size_t)one * hidden * width, more, width);
                add(to, more, some * width);
            }
        }
        for (int v = 0; v < length; v++)
            for (int one = 0; one < relations; one++)
                add(x + (size_t)v * width, heard + (size_t)group_of[(size_t)one * length + v] * width, width);
    }
}
