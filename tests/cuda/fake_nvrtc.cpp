// A compiler that compiles nothing: its image is the list of the kernels in a source, which the fake driver reads.
// A source with an #error in it fails with a log. For tests only.
#include <cctype>
#include <cstring>
#include <string>

namespace {

enum Result { SUCCESS = 0, INVALID_INPUT = 3, INVALID_OPTION = 5, COMPILATION = 6 };

struct Program {
    std::string source, image, log;
};

// The names that `text` declares by KERNEL(name); one that ends in ##suffix has a dual twin.
std::string kernels(const std::string &text) {
    static const char MARK[] = "KERNEL(", SUFFIX[] = "##suffix";
    std::string names;
    for (size_t at = text.find(MARK); at != std::string::npos; at = text.find(MARK, at + 1)) {
        size_t start = at + sizeof MARK - 1, end = text.find(')', start);
        std::string name = text.substr(start, end - start);
        if (text.compare(text.rfind('\n', at) + 1, 7, "#define") == 0) continue; // the macro itself
        size_t twin = name.find(SUFFIX);
        name = name.substr(0, twin);
        names += name + "\n";
        if (twin != std::string::npos) names += name + "_dual\n";
    }
    return names;
}

Result give(const std::string &from, char *to) {
    memcpy(to, from.c_str(), from.size() + 1);
    return SUCCESS;
}

Result size(const std::string &of, size_t *bytes) {
    *bytes = of.size() + 1;
    return SUCCESS;
}

} // namespace

extern "C" {

Result nvrtcVersion(int *major, int *minor) {
    *major = 13;
    *minor = 0;
    return SUCCESS;
}
Result nvrtcCreateProgram(void **program, const char *source, const char *, int, const char *const *,
                          const char *const *) {
    *program = new Program{source, "", ""};
    return SUCCESS;
}
Result nvrtcDestroyProgram(void **program) {
    delete static_cast<Program *>(*program);
    *program = nullptr;
    return SUCCESS;
}
Result nvrtcCompileProgram(void *program, int n_options, const char *const *options) {
    Program *p = static_cast<Program *>(program);
    for (int i = 0; i < n_options; i++) {
        if (strncmp(options[i], "-", 1) != 0) return INVALID_OPTION;
    }
    size_t broken = p->source.find("#error");
    if (broken != std::string::npos) {
        p->log = "error: " + p->source.substr(broken, p->source.find('\n', broken) - broken) + "\n";
        return COMPILATION;
    }
    p->image = "shim image\n" + kernels(p->source);
    return SUCCESS;
}
Result nvrtcGetPTXSize(void *program, size_t *bytes) { return size(static_cast<Program *>(program)->image, bytes); }
Result nvrtcGetPTX(void *program, char *image) { return give(static_cast<Program *>(program)->image, image); }
Result nvrtcGetCUBINSize(void *program, size_t *bytes) { return size(static_cast<Program *>(program)->image, bytes); }
Result nvrtcGetCUBIN(void *program, char *image) { return give(static_cast<Program *>(program)->image, image); }
Result nvrtcGetProgramLogSize(void *program, size_t *bytes) {
    return size(static_cast<Program *>(program)->log, bytes);
}
Result nvrtcGetProgramLog(void *program, char *log) { return give(static_cast<Program *>(program)->log, log); }
Result nvrtcGetNumSupportedArchs(int *count) {
    *count = 3;
    return SUCCESS;
}
Result nvrtcGetSupportedArchs(int *archs) {
    archs[0] = 75;
    archs[1] = 80;
    archs[2] = 90;
    return SUCCESS;
}
const char *nvrtcGetErrorString(Result result) {
    switch (result) {
    case SUCCESS: return "NVRTC_SUCCESS";
    case INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    default: return "NVRTC_ERROR_COMPILATION";
    }
}

} // extern "C"
