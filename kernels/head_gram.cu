// Inner products of the logit gradients of all rows, the vocabulary a slice at a time: what the products between
// them need. A softmax must be known before its gradient, so the logits are needed twice.

#define CHUNK 512

// What one chunk says about one row.
struct GramPart {
    // sum of exp(z - top) over the others
    double others;
    float top;
    // the target's logit, if the target is here
    float own;
    u32 has_own;
    u32 unused;
};

// Softmax of one row: where it begins, what it is multiplied by, and the target's entry, from the others.
struct Normalizer {
    float top;
    float factor;
    float target;
};

// logits (n, width) of tokens first..first+width. 1 warp = 1 row and chunk of 512 tokens.
KERNEL(gram_parts)(GramPart *parts, const float *logits, const u32 *targets, u64 n, u64 first, u64 width,
                   u64 part_first, u64 parts_per_row) {
    u64 chunks = (width + CHUNK - 1) / CHUNK;
    u64 row = warp_row() / chunks, chunk = warp_row() % chunks;
    if (row >= n) return;
    const float *z = logits + row * width + chunk * CHUNK;
    u64 start = first + chunk * CHUNK;
    u64 count = width - chunk * CHUNK < CHUNK ? width - chunk * CHUNK : CHUNK;
    u64 target = targets[row];
    bool here = target >= start && target - start < count;
    float top = -infinity();
    for (u64 i = lane(); i < count; i += WARP) top = larger(top, z[i]);
    top = warp_max(top);
    double others = 0.0;
    for (u64 i = lane(); i < count; i += WARP) {
        others += (double)exponential((start + i == target ? -infinity() : z[i]) - top);
    }
    others = warp_sum(others);
    if (lane() != 0) return;
    parts[row * parts_per_row + part_first + chunk] =
        GramPart{others, top, here ? z[target - start] : 0.0f, here ? 1u : 0u, 0u};
}

// Turns logits (n, width) into exp(z - top)*factor, and the target's into its entry. 1 thread = 1 element.
KERNEL(gram_gradient)(float *logits, const Normalizer *norms, const u32 *targets, u64 n, u64 first, u64 width) {
    for (u64 i = first_element(); i < n * width; i += element_stride()) {
        Normalizer norm = norms[i / width];
        bool own = first + i % width == targets[i / width];
        logits[i] = own ? norm.target : exponential(logits[i] - norm.top) * norm.factor;
    }
}
