// Tiles of attention on tensor cores: rows of a head as factors of products, and the products. Put between
// tensor_cores.cuh and tensor_attention.cuh.
//
// The rows of a warp are the left side; what they meet comes through shared memory, rounded, as the right side: row by
// row where the sum runs over channels, channel by channel where it runs over rows.

template <class E, u32 D> struct Sizes {
    // words of a row of channels, and steps over them
    static constexpr u32 WORDS = D / E::NUMBERS, STEPS = WORDS / STEP;
    // columns of a tile: shared memory must hold two to three of them
    static constexpr u32 TILE = WORDS <= 64 ? 32 : WORDS <= 128 ? 16 : 8;
    // tiles of 8 columns of scores and of 8 channels
    static constexpr u32 COLUMNS = TILE / 8, PARTS = D / 8;
    // words of a channel's columns, and steps over them
    static constexpr u32 TILE_WORDS = TILE / E::NUMBERS, TILE_STEPS = TILE_WORDS / STEP;
    // four more words keep the rows that a warp reads at once on different banks
    static constexpr u32 ROW_LD = WORDS + 4, CHANNEL_LD = TILE_WORDS + 4;
};

// Rows of one head of q, k, v or dz: from number `at` on, `ld` numbers apart; zeros outside.
struct Rows {
    const float *x;
    u64 at, ld, rows, channels;

    __device__ float number(u64 row, u64 channel) const {
        return row < rows && channel < channels ? x[at + row * ld + channel] : 0.0f;
    }
};

DEVICE Rows query_rows(const Head &head, const float *x, u64 channels) {
    return Rows{x, head.q_at, head.q_ld, head.queries, channels};
}
DEVICE Rows key_rows(const Head &head, const float *x, u64 channels) {
    return Rows{x, head.kv_at, head.kv_ld, head.keys, channels};
}

// The channels of a tile's rows, row by row: a right side whose sum runs over channels.
template <class E, u32 D> DEVICE void load_rows(u32 *tile, Rows x, u64 row0) {
    using N = Sizes<E, D>;
    for (u32 e = threadIdx.x; e < N::TILE * N::WORDS; e += THREADS) {
        u32 row = e / N::WORDS, word = e % N::WORDS;
        tile[row * N::ROW_LD + word] =
            word_of(E(), [&](u32 i) { return x.number(row0 + row, word * E::NUMBERS + i); });
    }
}

// The rows of a tile's channels, channel by channel: a right side whose sum runs over rows.
template <class E, u32 D> DEVICE void load_channels(u32 *tile, Rows x, u64 row0) {
    using N = Sizes<E, D>;
    for (u32 e = threadIdx.x; e < D * N::TILE_WORDS; e += THREADS) {
        u32 channel = e % D, word = e / D;
        u64 row = row0 + row_of_word(E(), word);
        tile[channel * N::CHANNEL_LD + word] = word_of(E(), [&](u32 i) { return x.number(row + i, channel); });
    }
}

// The 16 rows of a warp as a left side: in registers, or read again for each tile where registers do not suffice.
template <class E, u32 D, bool KEEP> struct Left {
    using N = Sizes<E, D>;
    Rows x;
    u64 row0;
    u32 kept[KEEP ? N::STEPS : 1][4];

    __device__ void read(u32 step, u32 words[4]) const {
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            u64 row = row0 + group_of_lane() + i % 2 * 8;
            u32 word = step * STEP + place_in_group() + i / 2 * 4;
            words[i] = word_of(E(), [&](u32 j) { return x.number(row, word * E::NUMBERS + j); });
        }
    }
    __device__ Left(Rows rows, u64 first) : x(rows), row0(first) {
        if (KEEP) {
#pragma unroll
            for (u32 s = 0; s < N::STEPS; s++) read(s, kept[KEEP ? s : 0]);
        }
    }
    __device__ void step(u32 s, u32 words[4]) const {
        if (KEEP) {
#pragma unroll
            for (u32 i = 0; i < 4; i++) words[i] = kept[KEEP ? s : 0][i];
        } else {
            read(s, words);
        }
    }
};

// scores (16, TILE) = left * rows of the tile
template <class E, u32 D, bool KEEP>
DEVICE void score_tile(float scores[][4], const Left<E, D, KEEP> &left, const u32 *tile) {
    using N = Sizes<E, D>;
#pragma unroll
    for (u32 n = 0; n < N::COLUMNS; n++) {
#pragma unroll
        for (u32 i = 0; i < 4; i++) scores[n][i] = 0.0f;
    }
// what is read again each time must not be read ahead: there are no registers for it
#pragma unroll(KEEP ? N::STEPS : 1)
    for (u32 s = 0; s < N::STEPS; s++) {
        u32 a[4];
        left.step(s, a);
#pragma unroll
        for (u32 n = 0; n < N::COLUMNS; n++) {
            const u32 *word = tile + (n * 8 + group_of_lane()) * N::ROW_LD + s * STEP + place_in_group();
            u32 b[2] = {word[0], word[4]};
            multiply(E(), scores[n], a, b);
        }
    }
}

// sums (16, D) += weights (16, TILE) * the tile's channels
template <class E, u32 D> DEVICE void add_tile(float sums[][4], const float weights[][4], const u32 *tile) {
    using N = Sizes<E, D>;
#pragma unroll
    for (u32 s = 0; s < N::TILE_STEPS; s++) {
        u32 a[4];
        as_left(E(), a, weights + s * E::NUMBERS);
#pragma unroll
        for (u32 n = 0; n < N::PARTS; n++) {
            const u32 *word = tile + (n * 8 + group_of_lane()) * N::CHANNEL_LD + s * STEP + place_in_group();
            u32 b[2] = {word[0], word[4]};
            multiply(E(), sums[n], a, b);
        }
    }
}

// The row and the column, in its tile, of number i of the n-th result of this lane.
DEVICE u32 result_row(u32 i) { return group_of_lane() + i / 2 * 8; }
DEVICE u32 result_column(u32 n, u32 i) { return n * 8 + place_in_group() * 2 + i % 2; }

// Over the four lanes that share a row.
DEVICE float row_max(float x) {
    x = larger(x, from_lane(x, lane() ^ 1));
    return larger(x, from_lane(x, lane() ^ 2));
}
DEVICE float row_total(float x) {
    x = x + from_lane(x, lane() ^ 1);
    return x + from_lane(x, lane() ^ 2);
}

// Sums of 16 rows begin at zero.
template <u32 PARTS> DEVICE void clear(float sums[PARTS][4]) {
#pragma unroll
    for (u32 n = 0; n < PARTS; n++) sums[n][0] = sums[n][1] = sums[n][2] = sums[n][3] = 0.0f;
}

// Adds the sums of the 16 rows from row0 on to those of a result.
template <u32 PARTS>
DEVICE void add_to(float *out, u64 at, u64 ld, u64 row0, u64 rows, u64 channels, const float sums[PARTS][4]) {
#pragma unroll
    for (u32 n = 0; n < PARTS; n++) {
#pragma unroll
        for (u32 i = 0; i < 4; i++) {
            u64 row = row0 + result_row(i), channel = result_column(n, i);
            if (row < rows && channel < channels) out[at + row * ld + channel] += sums[n][i];
        }
    }
}
