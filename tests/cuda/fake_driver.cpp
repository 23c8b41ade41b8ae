// A CUDA driver whose device is the processor: memory is the host's, kernels are those of the shim. For tests only.
//
// New memory is full of NaN. A module's image is the text the fake compiler gives: a first line and the names of its
// kernels; other kernels are not found in it. Launches that no card would take are refused.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <set>
#include <string>

struct dim3 {
    unsigned x, y, z;
};

namespace {

enum Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    NOT_FOUND = 500,
};

using Launcher = void (*)(dim3 grid, dim3 block, void **arguments);
using Handle = void *;

const size_t MEMORY = size_t{4} << 30;
const char IMAGE[] = "shim image\n";

struct Module {
    std::set<std::string> names;
};

std::mutex blocks_in_use;
std::map<char *, size_t> blocks;
size_t used = 0;
char context_place, stream_place;

size_t setting(const char *name, size_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, nullptr, 10) : otherwise;
}

int devices() { return setting("MEMOSCOPE_FAKE_DEVICES", 1) > 0 ? 1 : 0; }
size_t memory() { return setting("MEMOSCOPE_FAKE_MEMORY", MEMORY); }

// Whether `bytes` from `start` on lie in one allocation.
bool is_device(const void *start, size_t bytes) {
    std::lock_guard<std::mutex> guard(blocks_in_use);
    char *at = static_cast<char *>(const_cast<void *>(start));
    auto next = blocks.upper_bound(at);
    if (next == blocks.begin()) return false;
    --next;
    return at + bytes <= next->first + next->second;
}

Result copy(void *to, const void *from, size_t bytes, bool to_device, bool from_device) {
    if (bytes == 0) return SUCCESS;
    if (to_device && !is_device(to, bytes)) return INVALID_VALUE;
    if (from_device && !is_device(from, bytes)) return INVALID_VALUE;
    memmove(to, from, bytes);
    return SUCCESS;
}

Result set(void *to, int byte, size_t bytes) {
    if (bytes > 0 && !is_device(to, bytes)) return INVALID_VALUE;
    memset(to, byte, bytes);
    return SUCCESS;
}

} // namespace

extern "C" {

Result cuInit(unsigned) { return devices() > 0 ? SUCCESS : NO_DEVICE; }
Result cuDriverGetVersion(int *version) {
    *version = 13000;
    return SUCCESS;
}

// ---- device ----

Result cuDeviceGetCount(int *count) {
    *count = devices();
    return SUCCESS;
}
Result cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return ordinal >= 0 && ordinal < devices() ? SUCCESS : INVALID_DEVICE;
}
Result cuDeviceGetName(char *name, int size, int) {
    snprintf(name, static_cast<size_t>(size), "Shim device");
    return SUCCESS;
}
Result cuDeviceGetUuid_v2(unsigned char *uuid, int) {
    memset(uuid, 0x5a, 16);
    return SUCCESS;
}
Result cuDeviceGetUuid(unsigned char *uuid, int device) { return cuDeviceGetUuid_v2(uuid, device); }
Result cuDeviceGetAttribute(int *value, int attribute, int) {
    switch (attribute) {
    case 1: *value = 1024; break;          // threads of a block
    case 5: *value = 2147483647; break;    // grid x
    case 6: case 7: *value = 65535; break; // grid y, z
    case 8: *value = 49152; break;         // shared memory of a block
    case 10: *value = 32; break;           // warp
    case 16: *value = 4; break;            // multiprocessors
    case 75: *value = 8; break;            // compute capability 8.0
    case 76: *value = 0; break;
    case 97: *value = 232448; break;       // shared memory of a block that asks for it
    case 115: *value = 1; break;           // memory pools
    default: *value = 0;
    }
    return SUCCESS;
}
Result cuDeviceTotalMem_v2(size_t *bytes, int) {
    *bytes = memory();
    return SUCCESS;
}
Result cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
    std::lock_guard<std::mutex> guard(blocks_in_use);
    *total = memory();
    *free_bytes = *total > used ? *total - used : 0;
    return SUCCESS;
}

// ---- context, streams, events: everything is done when the call returns ----

Result cuDevicePrimaryCtxRetain(Handle *context, int) {
    *context = &context_place;
    return SUCCESS;
}
Result cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
Result cuCtxSetCurrent(Handle) { return SUCCESS; }
Result cuCtxGetCurrent(Handle *context) {
    *context = &context_place;
    return SUCCESS;
}
Result cuCtxSynchronize() { return SUCCESS; }
Result cuStreamCreate(Handle *stream, unsigned) {
    *stream = &stream_place;
    return SUCCESS;
}
Result cuStreamDestroy_v2(Handle) { return SUCCESS; }
Result cuStreamSynchronize(Handle) { return SUCCESS; }
Result cuStreamWaitEvent(Handle, Handle, unsigned) { return SUCCESS; }
Result cuEventCreate(Handle *event, unsigned) {
    *event = &stream_place;
    return SUCCESS;
}
Result cuEventDestroy_v2(Handle) { return SUCCESS; }
Result cuEventRecord(Handle, Handle) { return SUCCESS; }
Result cuEventQuery(Handle) { return SUCCESS; }
Result cuEventSynchronize(Handle) { return SUCCESS; }
Result cuEventElapsedTime(float *milliseconds, Handle, Handle) {
    *milliseconds = 1.0f;
    return SUCCESS;
}
Result cuEventElapsedTime_v2(float *milliseconds, Handle, Handle) {
    *milliseconds = 1.0f;
    return SUCCESS;
}

// ---- memory ----

Result cuMemAlloc_v2(Handle *place, size_t bytes) {
    if (bytes == 0) return INVALID_VALUE;
    std::lock_guard<std::mutex> guard(blocks_in_use);
    if (used + bytes > memory()) return OUT_OF_MEMORY;
    char *start = static_cast<char *>(malloc(bytes));
    if (!start) return OUT_OF_MEMORY;
    memset(start, 0xff, bytes);
    blocks[start] = bytes;
    used += bytes;
    *place = start;
    return SUCCESS;
}
Result cuMemAllocAsync(Handle *place, size_t bytes, Handle) { return cuMemAlloc_v2(place, bytes); }
Result cuMemFree_v2(Handle place) {
    std::lock_guard<std::mutex> guard(blocks_in_use);
    auto found = blocks.find(static_cast<char *>(place));
    if (found == blocks.end()) return INVALID_VALUE;
    used -= found->second;
    free(found->first);
    blocks.erase(found);
    return SUCCESS;
}
Result cuMemFreeAsync(Handle place, Handle) { return cuMemFree_v2(place); }
Result cuMemcpyHtoD_v2(Handle to, const void *from, size_t bytes) { return copy(to, from, bytes, true, false); }
Result cuMemcpyHtoDAsync_v2(Handle to, const void *from, size_t bytes, Handle) {
    return copy(to, from, bytes, true, false);
}
Result cuMemcpyDtoH_v2(void *to, Handle from, size_t bytes) { return copy(to, from, bytes, false, true); }
Result cuMemcpyDtoHAsync_v2(void *to, Handle from, size_t bytes, Handle) { return copy(to, from, bytes, false, true); }
Result cuMemcpyDtoD_v2(Handle to, Handle from, size_t bytes) { return copy(to, from, bytes, true, true); }
Result cuMemcpyDtoDAsync_v2(Handle to, Handle from, size_t bytes, Handle) { return copy(to, from, bytes, true, true); }
Result cuMemsetD8_v2(Handle to, unsigned char byte, size_t bytes) { return set(to, byte, bytes); }
Result cuMemsetD8Async(Handle to, unsigned char byte, size_t bytes, Handle) { return set(to, byte, bytes); }
Result cuMemHostAlloc(void **place, size_t bytes, unsigned) {
    *place = malloc(bytes);
    return *place ? SUCCESS : OUT_OF_MEMORY;
}
Result cuMemFreeHost(void *place) {
    free(place);
    return SUCCESS;
}

// ---- modules ----

Result cuModuleLoadData(Handle *module, const void *image) {
    const char *text = static_cast<const char *>(image);
    if (strncmp(text, IMAGE, sizeof IMAGE - 1) != 0) return INVALID_IMAGE;
    Module *made = new Module;
    std::string rest(text + sizeof IMAGE - 1);
    for (size_t start = 0; start < rest.size();) {
        size_t end = rest.find('\n', start);
        if (end == std::string::npos) end = rest.size();
        made->names.insert(rest.substr(start, end - start));
        start = end + 1;
    }
    *module = made;
    return SUCCESS;
}
Result cuModuleLoadDataEx(Handle *module, const void *image, unsigned, int *, void **) {
    return cuModuleLoadData(module, image);
}
Result cuModuleLoad(Handle *module, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NOT_FOUND;
    std::string text;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) text.push_back(static_cast<char>(c));
    fclose(file);
    return cuModuleLoadData(module, text.c_str());
}
Result cuModuleUnload(Handle module) {
    delete static_cast<Module *>(module);
    return SUCCESS;
}
Result cuModuleGetFunction(Handle *function, Handle module, const char *name) {
    if (static_cast<Module *>(module)->names.count(name) == 0) return NOT_FOUND;
    Dl_info own;
    if (!dladdr(reinterpret_cast<void *>(&cuModuleGetFunction), &own)) return NOT_FOUND;
    void *library = dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    if (!library) return NOT_FOUND;
    *function = dlsym(library, (std::string("shim_launch_") + name).c_str());
    dlclose(library);
    return *function ? SUCCESS : NOT_FOUND;
}
Result cuFuncSetAttribute(Handle, int, int) { return SUCCESS; }
Result cuFuncGetAttribute(int *value, int attribute, Handle) {
    *value = attribute == 0 ? 1024 : 0; // most threads of a block
    return SUCCESS;
}

Result cuLaunchKernel(Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                      unsigned block_y, unsigned block_z, unsigned shared, Handle, void **arguments, void **) {
    bool empty = grid_x == 0 || grid_y == 0 || grid_z == 0 || block_x == 0 || block_y == 0 || block_z == 0;
    bool too_large = grid_x > 2147483647u || grid_y > 65535 || grid_z > 65535 || block_z > 64 ||
                     static_cast<size_t>(block_x) * block_y * block_z > 1024 || shared > 232448;
    if (empty || too_large || !function) return INVALID_VALUE;
    reinterpret_cast<Launcher>(function)(dim3{grid_x, grid_y, grid_z}, dim3{block_x, block_y, block_z}, arguments);
    return SUCCESS;
}

// ---- errors ----

Result cuGetErrorName(int error, const char **text) {
    switch (error) {
    case SUCCESS: *text = "CUDA_SUCCESS"; break;
    case INVALID_VALUE: *text = "CUDA_ERROR_INVALID_VALUE"; break;
    case OUT_OF_MEMORY: *text = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case NO_DEVICE: *text = "CUDA_ERROR_NO_DEVICE"; break;
    case INVALID_DEVICE: *text = "CUDA_ERROR_INVALID_DEVICE"; break;
    case INVALID_IMAGE: *text = "CUDA_ERROR_INVALID_IMAGE"; break;
    case NOT_FOUND: *text = "CUDA_ERROR_NOT_FOUND"; break;
    default: *text = "CUDA_ERROR_UNKNOWN";
    }
    return SUCCESS;
}
Result cuGetErrorString(int error, const char **text) { return cuGetErrorName(error, text); }

} // extern "C"
