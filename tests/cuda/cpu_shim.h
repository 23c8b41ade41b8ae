// Runs CUDA C++ on the processor: one fiber per CUDA thread, the blocks of a grid one after another. For tests only.
//
// Shared memory is filled with NaN before every block. A barrier or warp operation that not all of its threads reach
// ends the process with a message, as does an operation that names a lane which has exited or does not exist.
// MEMOSCOPE_SHIM_SEED=n runs the threads of a block in an order shuffled by n.
#pragma once

#if !defined(__x86_64__)
#error "the fibers are written for x86-64"
#endif

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/mman.h>

#define MEMOSCOPE_SHIM
#define __device__
#define DEVICE static inline
#define KERNEL(name) extern "C" void name
#define SHARED(type, name, extent)                                                                                     \
    using name##_shared = type extent;                                                                                 \
    static name##_shared name;                                                                                         \
    static const bool name##_known = shim::know(&name, sizeof name);                                      \
    (void)name##_known

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

namespace shim {

constexpr unsigned LANES = 32;
constexpr unsigned MOST_THREADS = 1024;
constexpr size_t STACK = 128 << 10;

enum class State : uint8_t { Ready, AtBlockBarrier, AtWarpBarrier, Done };

struct Fiber {
    void *stack_pointer;
    dim3 thread;
    unsigned index;
    // of the warp operation it waits in
    unsigned mask;
    // flips with each warp operation, so that one barrier an operation is enough
    uint8_t parity;
    State state;
};

struct Warp {
    uint64_t slots[2][LANES];
    // both sides of a matrix product
    uint32_t words[2][LANES][6];
};

struct SharedBuffer {
    void *start;
    size_t bytes;
};

// Everything about the block that runs: there is one at a time.
struct Machine {
    Fiber fibers[MOST_THREADS];
    Warp warps[MOST_THREADS / LANES];
    std::vector<unsigned> order;
    std::vector<SharedBuffer> shared;
    Fiber *current;
    void *scheduler;
    dim3 block, block_size, grid_size;
    unsigned threads;
    char *stacks;
    void (*entry)(void *);
    void *argument;
    uint64_t random;
    std::mutex in_use;
};

inline Machine machine{};

[[noreturn]] inline void die(const char *message) {
    const Machine &m = machine;
    fprintf(stderr, "cuda shim: %s (block %u,%u,%u, thread %u)\n", message, m.block.x, m.block.y, m.block.z,
            m.current ? m.current->index : 0u);
    abort();
}

// A shared variable is met for the first time.
inline bool know(void *start, size_t bytes) {
    machine.shared.push_back(SharedBuffer{start, bytes});
    memset(start, 0xff, bytes);
    return true;
}

extern "C" void shim_switch(void **from, void *to);
asm(".text\n.weak shim_switch\n.type shim_switch,@function\nshim_switch:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp,(%rdi)\nmovq %rsi,%rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n.size shim_switch,.-shim_switch\n");

// Leaves the current fiber until the scheduler comes back to it.
inline void yield(State state) {
    Fiber *me = machine.current;
    me->state = state;
    shim_switch(&me->stack_pointer, machine.scheduler);
}

inline void fiber_main() {
    machine.entry(machine.argument);
    yield(State::Done);
    die("a finished thread was resumed");
}

inline void start_fiber(unsigned i) {
    Machine &m = machine;
    Fiber &f = m.fibers[i];
    f.state = State::Ready;
    f.parity = 0;
    f.index = i;
    f.thread = dim3{i % m.block_size.x, i / m.block_size.x % m.block_size.y, i / (m.block_size.x * m.block_size.y)};
    void **top = reinterpret_cast<void **>(m.stacks + (i + 1) * STACK);
    *--top = nullptr; // keeps the stack aligned as after a call
    *--top = reinterpret_cast<void *>(&fiber_main);
    for (int r = 0; r < 6; r++) *--top = nullptr;
    f.stack_pointer = top;
}

inline uint64_t next_random() {
    machine.random = machine.random * 6364136223846793005u + 1442695040888963407u;
    return machine.random >> 33;
}

inline bool run_ready() {
    Machine &m = machine;
    if (m.random != 0) {
        for (unsigned i = m.threads - 1; i > 0; i--) std::swap(m.order[i], m.order[next_random() % (i + 1)]);
    }
    bool ran = false;
    for (unsigned i : m.order) {
        if (m.fibers[i].state != State::Ready) continue;
        m.current = &m.fibers[i];
        shim_switch(&m.scheduler, m.fibers[i].stack_pointer);
        ran = true;
    }
    return ran;
}

// Lets the lanes go on that all wait in the operation of fiber `i`.
inline bool release_warp(unsigned i) {
    Machine &m = machine;
    Fiber &asking = m.fibers[i];
    unsigned first = i / LANES * LANES;
    for (unsigned l = 0; l < LANES; l++) {
        if (!(asking.mask >> l & 1)) continue;
        m.current = &asking;
        if (first + l >= m.threads) die("a warp operation names a lane that does not exist");
        const Fiber &other = m.fibers[first + l];
        if (other.state == State::Done) die("a warp operation names a lane that has exited");
        if (other.state != State::AtWarpBarrier || other.mask != asking.mask) return false;
    }
    for (unsigned l = 0; l < LANES; l++) {
        if (asking.mask >> l & 1) m.fibers[first + l].state = State::Ready;
    }
    return true;
}

inline void run_block() {
    Machine &m = machine;
    for (const SharedBuffer &buffer : m.shared) memset(buffer.start, 0xff, buffer.bytes);
    for (unsigned i = 0; i < m.threads; i++) start_fiber(i);
    for (;;) {
        bool moved = run_ready();
        unsigned done = 0, waiting = 0;
        for (unsigned i = 0; i < m.threads; i++) {
            done += m.fibers[i].state == State::Done;
            waiting += m.fibers[i].state == State::AtBlockBarrier;
        }
        if (done == m.threads) return;
        for (unsigned i = 0; i < m.threads; i++) {
            if (m.fibers[i].state == State::AtWarpBarrier) moved |= release_warp(i);
        }
        if (waiting == m.threads) {
            for (unsigned i = 0; i < m.threads; i++) m.fibers[i].state = State::Ready;
            moved = true;
        } else if (waiting > 0 && waiting + done == m.threads) {
            die("deadlock: some threads have left and others wait at __syncthreads");
        }
        if (!moved) die("deadlock: divergent __syncthreads or warp operation");
    }
}

template <class... A, size_t... I> void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_reference_t<A> *>(arguments[I])...);
}

// Runs a grid; arguments as for cuLaunchKernel.
template <class... A> void launch(void (*kernel)(A...), dim3 grid, dim3 block, void **arguments) {
    Machine &m = machine;
    std::lock_guard<std::mutex> guard(m.in_use);
    struct Call {
        void (*kernel)(A...);
        void **arguments;
    } the_call{kernel, arguments};
    m.grid_size = grid;
    m.block_size = block;
    m.threads = block.x * block.y * block.z;
    m.current = nullptr;
    if (m.threads == 0 || m.threads > MOST_THREADS) die("a block of this size cannot run");
    if (!m.stacks) {
        void *stacks = mmap(nullptr, MOST_THREADS * STACK, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stacks == MAP_FAILED) die("no memory for the stacks of threads");
        m.stacks = static_cast<char *>(stacks);
    }
    const char *seed = getenv("MEMOSCOPE_SHIM_SEED");
    m.random = seed ? strtoull(seed, nullptr, 10) * 2 + 1 : 0;
    m.order.resize(m.threads);
    for (unsigned i = 0; i < m.threads; i++) m.order[i] = i;
    m.argument = &the_call;
    m.entry = [](void *p) {
        Call *c = static_cast<Call *>(p);
        call(c->kernel, c->arguments, std::index_sequence_for<A...>{});
    };
    for (unsigned z = 0; z < grid.z; z++) {
        for (unsigned y = 0; y < grid.y; y++) {
            for (unsigned x = 0; x < grid.x; x++) {
                m.block = dim3{x, y, z};
                run_block();
            }
        }
    }
}

// What lane `source` of this warp gave to the same operation.
template <class T> T exchange(unsigned mask, T value, unsigned source) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "a lane exchanges at most 8 bytes");
    Fiber *me = machine.current;
    unsigned lane = me->index % LANES;
    Warp &warp = machine.warps[me->index / LANES];
    uint8_t parity = me->parity;
    me->parity ^= 1;
    if (!(mask >> lane & 1)) die("a lane that is not in the mask takes part in a warp operation");
    if (!(mask >> source % LANES & 1)) die("a warp operation reads a lane that is not in the mask");
    warp.slots[parity][lane] = 0;
    memcpy(&warp.slots[parity][lane], &value, sizeof(T));
    me->mask = mask;
    yield(State::AtWarpBarrier);
    T result;
    memcpy(&result, &warp.slots[parity][source % LANES], sizeof(T));
    return result;
}

// A factor of a matrix product: the i-th number of a word that holds `numbers`.
template <unsigned NUMBERS> float number_of(uint32_t word, unsigned i) {
    uint32_t bits = NUMBERS == 1 ? word & ~0x1fffu : word << 16 * (1 - i) & 0xffff0000u;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// c (16,8) += a (16, 8 words) * b (8 words, 8) by the 32 lanes of a warp, laid out as mma.m16n8k8 of tf32 (1 number a
// word) or mma.m16n8k16 of bf16 (2 numbers).
template <unsigned NUMBERS> void multiply(float c[4], const uint32_t a[4], const uint32_t b[2]) {
    Fiber *me = machine.current;
    unsigned lane = me->index % LANES;
    Warp &warp = machine.warps[me->index / LANES];
    auto &words = warp.words[me->parity];
    me->parity ^= 1;
    memcpy(words[lane], a, 4 * sizeof *a);
    memcpy(words[lane] + 4, b, 2 * sizeof *b);
    me->mask = 0xffffffffu;
    yield(State::AtWarpBarrier);
    for (unsigned i = 0; i < 4; i++) {
        unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        for (unsigned w = 0; w < 8; w++) {
            uint32_t left = words[row % 8 * 4 + w % 4][row / 8 + w / 4 * 2];
            uint32_t right = words[column * 4 + w % 4][4 + w / 4];
            for (unsigned n = 0; n < NUMBERS; n++) c[i] += number_of<NUMBERS>(left, n) * number_of<NUMBERS>(right, n);
        }
    }
}

inline unsigned own_lane() { return machine.current->index % LANES; }

} // namespace shim

#define threadIdx (shim::machine.current->thread)
#define blockIdx (shim::machine.block)
#define gridDim (shim::machine.grid_size)

inline void __syncthreads() { shim::yield(shim::State::AtBlockBarrier); }

template <class T> T __shfl_sync(unsigned mask, T value, int source) {
    return shim::exchange(mask, value, static_cast<unsigned>(source));
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int bits) {
    return shim::exchange(mask, value, shim::own_lane() ^ static_cast<unsigned>(bits));
}

inline float __int_as_float(int bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
inline int __float_as_int(float x) {
    int bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

// A launcher with the argument form of cuLaunchKernel.
#define SHIM_EXPORT(name)                                                                                              \
    extern "C" __attribute__((visibility("default"))) void shim_launch_##name(dim3 grid, dim3 block, void **arguments) { \
        shim::launch(&name, grid, block, arguments);                                                                   \
    }
