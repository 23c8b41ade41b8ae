// The few functions of cuBLASLt that the program calls, computed on the processor: factors rounded as the real library
// rounds them, sums in f32. Calls that the real one refuses are refused. For tests only.
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

enum Status { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum Type { R_32F = 0, R_16BF = 14 };
enum Compute { COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77 };

struct Layout {
    Type type;
    uint64_t rows, columns;
    int64_t ld;
};

struct Desc {
    Compute compute;
    int transposed[2];
    uint32_t epilogue, bias_type;
    const float *bias;
};

struct Preference {
    size_t workspace;
    // of A, B, C and D
    uint32_t alignment[4];
};

// Where the heuristic leaves what the product must be called with.
struct Algorithm {
    uint64_t magic, rows, columns;
    uint32_t alignment[3];
    uint32_t unused;
    uint64_t workspace;
    uint64_t rest[2];
};

struct Heuristic {
    Algorithm algorithm;
    size_t workspace;
    Status state;
    float waves;
    int reserved[4];
};

const uint64_t MAGIC = 0x6c74;
const size_t WORKSPACE = 4096;
int handle_place;

float bf16(const void *base, uint64_t i) {
    uint32_t bits = uint32_t{static_cast<const uint16_t *>(base)[i]} << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float tf32(const void *base, uint64_t i) {
    float x = static_cast<const float *>(base)[i];
    if (!std::isfinite(x)) return x;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x1000u) & ~0x1fffu;
    memcpy(&x, &bits, sizeof x);
    return x;
}

struct Matrix {
    const void *base;
    const Layout *layout;
    bool transposed;
    float at(uint64_t row, uint64_t column) const {
        uint64_t i = transposed ? column + row * layout->ld : row + column * layout->ld;
        return layout->type == R_16BF ? bf16(base, i) : tf32(base, i);
    }
    uint64_t rows() const { return transposed ? layout->columns : layout->rows; }
    uint64_t columns() const { return transposed ? layout->rows : layout->columns; }
};

bool aligned(const void *place, uint32_t bytes) { return reinterpret_cast<uintptr_t>(place) % bytes == 0; }

template <class T> Status set(T *to, const void *from, size_t bytes) {
    if (bytes != sizeof(T)) return INVALID_VALUE;
    memcpy(to, from, bytes);
    return SUCCESS;
}

} // namespace

extern "C" {

size_t cublasLtGetVersion() { return 130002; }
Status cublasLtCreate(void **handle) {
    *handle = &handle_place;
    return SUCCESS;
}
Status cublasLtDestroy(void *handle) { return handle == &handle_place ? SUCCESS : NOT_INITIALIZED; }

Status cublasLtMatrixLayoutCreate(Layout **layout, Type type, uint64_t rows, uint64_t columns, int64_t ld) {
    if (ld < static_cast<int64_t>(rows) || rows == 0 || columns == 0) return INVALID_VALUE;
    *layout = new Layout{type, rows, columns, ld};
    return SUCCESS;
}
Status cublasLtMatrixLayoutDestroy(Layout *layout) {
    delete layout;
    return SUCCESS;
}
Status cublasLtMatmulDescCreate(Desc **desc, Compute compute, Type scale) {
    if (scale != R_32F) return INVALID_VALUE;
    *desc = new Desc{compute, {0, 0}, 1, R_32F, nullptr};
    return SUCCESS;
}
Status cublasLtMatmulDescDestroy(Desc *desc) {
    delete desc;
    return SUCCESS;
}
Status cublasLtMatmulDescSetAttribute(Desc *desc, int attribute, const void *value, size_t bytes) {
    switch (attribute) {
    case 3: return set(&desc->transposed[0], value, bytes);
    case 4: return set(&desc->transposed[1], value, bytes);
    case 7: return set(&desc->epilogue, value, bytes);
    case 8: return set(&desc->bias, value, bytes);
    case 26: return set(&desc->bias_type, value, bytes);
    default: return INVALID_VALUE;
    }
}
Status cublasLtMatmulPreferenceCreate(Preference **preference) {
    *preference = new Preference{0, {256, 256, 256, 256}};
    return SUCCESS;
}
Status cublasLtMatmulPreferenceDestroy(Preference *preference) {
    delete preference;
    return SUCCESS;
}
Status cublasLtMatmulPreferenceSetAttribute(Preference *preference, int attribute, const void *value, size_t bytes) {
    if (attribute == 1) return set(&preference->workspace, value, bytes);
    if (attribute >= 5 && attribute <= 8) return set(&preference->alignment[attribute - 5], value, bytes);
    return INVALID_VALUE;
}

Status cublasLtMatmulAlgoGetHeuristic(void *, const Desc *desc, const Layout *a, const Layout *b, const Layout *c,
                                      const Layout *d, const Preference *preference, int wanted, Heuristic *found,
                                      int *count) {
    *count = 0;
    if (wanted < 1 || a->type != b->type || c->type != R_32F || d->type != R_32F) return INVALID_VALUE;
    if ((desc->compute == COMPUTE_32F_FAST_TF32) != (a->type == R_32F)) return INVALID_VALUE;
    // numbers of 2 bytes are loaded two at a time: an odd stride has no algorithm
    if (a->type == R_16BF && (a->ld % 2 != 0 || b->ld % 2 != 0)) return NOT_SUPPORTED;
    memset(found, 0, sizeof *found);
    Algorithm &algorithm = found->algorithm;
    algorithm.magic = MAGIC;
    algorithm.rows = d->rows;
    algorithm.columns = d->columns;
    for (int i = 0; i < 3; i++) algorithm.alignment[i] = preference->alignment[i];
    algorithm.workspace = preference->workspace < WORKSPACE ? preference->workspace : WORKSPACE;
    found->workspace = algorithm.workspace;
    *count = 1;
    return SUCCESS;
}

Status cublasLtMatmul(void *handle, const Desc *desc, const float *alpha, const void *a_place, const Layout *a_layout,
                      const void *b_place, const Layout *b_layout, const float *beta, const float *c,
                      const Layout *c_layout, float *d, const Layout *d_layout, const Algorithm *algorithm,
                      void *workspace, size_t workspace_bytes, void *) {
    if (handle != &handle_place || algorithm->magic != MAGIC) return NOT_INITIALIZED;
    Matrix a{a_place, a_layout, desc->transposed[0] != 0}, b{b_place, b_layout, desc->transposed[1] != 0};
    bool fits = a.rows() == d_layout->rows && b.columns() == d_layout->columns && a.columns() == b.rows() &&
                algorithm->rows == d_layout->rows && algorithm->columns == d_layout->columns;
    const void *places[3] = {a_place, b_place, d};
    for (int i = 0; i < 3; i++) fits = fits && aligned(places[i], algorithm->alignment[i]);
    if (!fits || workspace_bytes < algorithm->workspace || c_layout->ld != d_layout->ld) return INVALID_VALUE;
    bool has_bias = desc->epilogue == 4;
    if (has_bias && (!desc->bias || desc->bias_type != R_32F)) return INVALID_VALUE;
    memset(workspace, 0xff, algorithm->workspace);
    for (uint64_t j = 0; j < d_layout->columns; j++) {
        for (uint64_t i = 0; i < d_layout->rows; i++) {
            float sum = 0.0f;
            for (uint64_t k = 0; k < a.columns(); k++) sum += a.at(i, k) * b.at(k, j);
            uint64_t place = i + j * d_layout->ld;
            // with a factor of 0 what is there is not read
            float start = *beta == 0.0f ? 0.0f : *beta * c[place];
            d[place] = *alpha * sum + start + (has_bias ? desc->bias[i] : 0.0f);
        }
    }
    return SUCCESS;
}

} // extern "C"
