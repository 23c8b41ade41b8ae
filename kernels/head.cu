// The output head without whole logits: token scores.
//
// The vocabulary is cut into chunks of 512 tokens. The logits of a slice of chunks are formed by a product; a warp
// keeps a few sums of one row and chunk, and the host joins chunks in the order of the vocabulary, in f64.

#define CHUNK 512
#define CHAIN 256
// Most entries of the list of likely tokens.
#define TOP 8

// What one chunk says about one row.
struct Part {
    // sum of e, e*t and e*t^2 over the others, with t = z - top, e = exp(t): the largest adds 1, 0 and 0
    double others[3];
    float top;
    u32 argmax;
    // tokens before the target
    u32 ahead;
    u32 n_best;
    u32 best_token[TOP];
    float best_logit[TOP];
};

// out[i] = the logit of row i's target, with the bits it has in a product. 1 thread = 1 row.
KERNEL(target_logits)(float *out, const float *x, const float *w, const float *bias, const u32 *targets, u64 n, u64 c,
                      u64 w_j, u64 w_k) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        u64 token = targets[i];
        float total = bias ? bias[token] : 0.0f;
        for (u64 start = 0; start < c; start += CHAIN) {
            u64 end = start + CHAIN < c ? start + CHAIN : c;
            float chain = 0.0f;
            for (u64 k = start; k < end; k++) chain = fmaf(x[i * c + k], w[token * w_j + k * w_k], chain);
            total = chain + total;
        }
        out[i] = total;
    }
}

// out[i] = the logit of row i's target, where it is among logits (n, width) of tokens first..first+width.
// 1 thread = 1 row.
KERNEL(pick_logits)(float *out, const float *logits, const u32 *targets, u64 n, u64 first, u64 width) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        u64 token = targets[i];
        if (token >= first && token < first + width) out[i] = logits[i * width + token - first];
    }
}

DEVICE u32 warp_count(u32 x) {
    for (u32 half = WARP / 2; half > 0; half /= 2) x += __shfl_xor_sync(FULL_WARP, x, (int)half);
    return x;
}

// Whether (z, token) comes before (other, other_token): larger first, ties to the lower id.
DEVICE bool before(float z, u32 token, float other, u32 other_token) {
    return z > other || (z == other && token < other_token);
}

// A token that no candidate has.
#define NOBODY 0xffffffffu

// The first of the lanes' candidates; `token` is NOBODY where there is none.
DEVICE void first_of_warp(float *z, u32 *token) {
    for (u32 half = WARP / 2; half > 0; half /= 2) {
        float other = __shfl_xor_sync(FULL_WARP, *z, (int)half);
        u32 other_token = __shfl_xor_sync(FULL_WARP, *token, (int)half);
        if (other_token != NOBODY && (*token == NOBODY || before(other, other_token, *z, *token))) {
            *z = other;
            *token = other_token;
        }
    }
}

// The `count` most likely tokens of a chunk in order; NaN is none of them.
DEVICE void best_of(Part *part, const float *row, u64 first, u64 width, u32 count) {
    float last = 0.0f;
    u32 last_token = NOBODY, found = 0;
    while (found < count) {
        float z = 0.0f;
        u32 token = NOBODY;
        for (u64 i = lane(); i < width; i += WARP) {
            float candidate = row[i];
            u32 id = (u32)(first + i);
            bool left = candidate == candidate && (last_token == NOBODY || before(last, last_token, candidate, id));
            if (left && (token == NOBODY || before(candidate, id, z, token))) {
                z = candidate;
                token = id;
            }
        }
        first_of_warp(&z, &token);
        if (token == NOBODY) break;
        if (lane() == 0) {
            part->best_token[found] = token;
            part->best_logit[found] = z;
        }
        last = z;
        last_token = token;
        found++;
    }
    if (lane() == 0) part->n_best = found;
}

// How many tokens of a chunk come before the target.
DEVICE u32 ahead_of(const float *row, u64 first, u64 width, u64 target, float logit) {
    u32 count = 0;
    for (u64 i = lane(); i < width; i += WARP) count += first + i < target ? row[i] >= logit : row[i] > logit;
    return warp_count(count);
}

// The first place of `top` in a row, 0 if there is none.
DEVICE u64 place_of(const float *row, u64 width, float top) {
    u32 place = NOBODY;
    for (u64 i = lane(); i < width && place == NOBODY; i += WARP) {
        if (row[i] == top) place = (u32)i;
    }
    for (u32 half = WARP / 2; half > 0; half /= 2) {
        u32 other = __shfl_xor_sync(FULL_WARP, place, (int)half);
        place = other < place ? other : place;
    }
    return place == NOBODY ? 0 : place;
}

// Sums over all but the largest.
DEVICE void sum_others(Part *part, const float *row, u64 width, u64 own, float top, int moments) {
    double zeroth = 0.0, first = 0.0, second = 0.0;
    for (u64 i = lane(); i < width; i += WARP) {
        float t = (i == own ? -infinity() : row[i]) - top;
        // a token without a chance (minus infinity) adds nothing
        if (moments && t < -200.0f) t = -200.0f;
        double e = (double)exponential(t);
        zeroth += e;
        if (moments) {
            first += e * (double)t;
            second += e * (double)t * (double)t;
        }
    }
    zeroth = warp_sum(zeroth);
    first = warp_sum(first);
    second = warp_sum(second);
    if (lane() != 0) return;
    part->others[0] = zeroth;
    part->others[1] = first;
    part->others[2] = second;
}

// logits (n, width) of tokens first..first+width; chunk j of row i goes to parts[i*parts_per_row + part_first + j].
// 1 warp = 1 row and chunk.
KERNEL(chunk_scores)(Part *parts, const float *logits, const u32 *targets, const float *target_logits, u64 n, u64 first,
                     u64 width, u64 part_first, u64 parts_per_row, int rank, int moments, int top_count) {
    u64 chunks = (width + CHUNK - 1) / CHUNK;
    u64 row = warp_row() / chunks, chunk = warp_row() % chunks;
    if (row >= n) return;
    const float *z = logits + row * width + chunk * CHUNK;
    u64 start = first + chunk * CHUNK;
    u64 count = width - chunk * CHUNK < CHUNK ? width - chunk * CHUNK : CHUNK;
    Part *part = parts + row * parts_per_row + part_first + chunk;
    float top = -infinity();
    for (u64 i = lane(); i < count; i += WARP) top = larger(top, z[i]);
    top = warp_max(top);
    u64 own = place_of(z, count, top);
    u32 ahead = rank ? ahead_of(z, start, count, targets[row], target_logits[row]) : 0;
    if (lane() == 0) {
        part->top = top;
        part->argmax = (u32)(start + own);
        part->ahead = ahead;
    }
    best_of(part, z, start, count, (u32)top_count);
    sum_others(part, z, count, own, top, moments);
}

// All chunks of a row together: what the host still needs for the row's scores.
struct Joined {
    // ln of the sum of exp(z - top); mean and variance of ln p
    double log_sum, moments[2];
    float top, target_logit;
    u32 argmax, rank, n_best, unused;
    u32 best_token[TOP];
    float best_logit[TOP];
};

// Puts a token into the list of the likely, which stays in order.
DEVICE void insert(Joined *row, u32 count, float z, u32 token) {
    u32 place = row->n_best;
    while (place > 0 && before(z, token, row->best_logit[place - 1], row->best_token[place - 1])) place--;
    if (place >= count) return;
    u32 last = row->n_best < count ? row->n_best : count - 1;
    for (u32 i = last; i > place; i--) {
        row->best_logit[i] = row->best_logit[i - 1];
        row->best_token[i] = row->best_token[i - 1];
    }
    row->best_logit[place] = z;
    row->best_token[place] = token;
    row->n_best = last + 1;
}

// Joins the chunks of each row in the order of the vocabulary, in f64. 1 thread = 1 row.
KERNEL(join_scores)(Joined *out, const Part *parts, const float *target_logits, u64 n, u64 parts_per_row,
                    int top_count) {
    for (u64 i = first_element(); i < n; i += element_stride()) {
        const Part *row = parts + i * parts_per_row;
        u64 best = 0;
        for (u64 j = 0; j < parts_per_row; j++) best = row[j].top > row[best].top ? j : best;
        Joined joined = {};
        double top = (double)row[best].top, others[3] = {0.0, 0.0, 0.0};
        for (u64 j = 0; j < parts_per_row; j++) {
            const Part *part = row + j;
            joined.rank += part->ahead;
            for (u32 b = 0; b < part->n_best; b++)
                insert(&joined, (u32)top_count, part->best_logit[b], part->best_token[b]);
            double shift = (double)part->top - top, factor = exp(shift);
            double s0 = part->others[0], s1 = part->others[1], s2 = part->others[2];
            if (factor == 0.0 && fabs(s0) < (double)infinity()) continue;
            s0 += j == best ? 0.0 : 1.0;
            others[0] += factor * s0;
            others[1] += factor * (s1 + shift * s0);
            others[2] += factor * (s2 + 2.0 * shift * s1 + shift * shift * s0);
        }
        // the largest adds exactly 1, so the logarithm keeps the digits of the rest
        double sum = 1.0 + others[0], mean = others[1] / sum;
        joined.log_sum = log1p(others[0]);
        joined.moments[0] = mean - joined.log_sum;
        joined.moments[1] = others[2] / sum - mean * mean;
        joined.top = row[best].top;
        joined.argmax = row[best].argmax;
        joined.target_logit = target_logits[i];
        out[i] = joined;
    }
}
