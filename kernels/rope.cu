// Rotary positions: pairs of channels of each head are turned by position * inv_freq.
//
// Pairs are (2i, 2i+1) when interleaved (GPT-J), else (i, i + n_freq) (GPT-NeoX, Llama). Angles are formed in f64.
// Linear: called once for the values and once for the tangents.

// x (rows, n_head*d_head) in place. 1 thread = 1 row and frequency, all heads.
KERNEL(rotate)(float *x, const u32 *positions, u64 rows, u64 n_head, u64 d_head, const double *inv_freq, u64 n_freq,
               int interleaved, int inverse) {
    for (u64 i = first_element(); i < rows * n_freq; i += element_stride()) {
        u64 row = i / n_freq, freq = i % n_freq;
        double angle = (double)positions[row] * inv_freq[freq];
        float c = (float)cos(angle), s = (float)sin(angle);
        s = inverse ? -s : s;
        float *first = x + row * n_head * d_head + (interleaved ? 2 * freq : freq);
        u64 second = interleaved ? 1 : n_freq;
        for (u64 head = 0; head < n_head; head++, first += d_head) {
            float a = first[0], b = first[second];
            first[0] = a * c - b * s;
            first[second] = b * c + a * s;
        }
    }
}
