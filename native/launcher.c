/*
 * The command `clew` of a wheel. The extension module contains the whole program, so that the wheel contains the engine only once. This
 * launcher loads it from the same installation and calls it (decision 81). No Python starts.
 *
 * The extension module needs symbols of Python, which the dynamic linker resolves at once. The build backend lists them in SYMBOLS. This
 * program defines each of them, as memory that nothing uses: the command calls no function of Python.
 */

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SYMBOL(name) char name[16];
#include SYMBOLS

/* Where installers put packages, from the folder that contains `bin`: PYTHON is `python3.11` or another version. */
static const char *const FOLDERS[] = {
    "lib/" PYTHON "/site-packages", "lib64/" PYTHON "/site-packages", "lib/" PYTHON "/dist-packages", "lib/python3/dist-packages",
    "." /* pip install --target */
};

int main(int argc, char **argv) {
    char prefix[PATH_MAX], path[PATH_MAX + 128];
    ssize_t length = readlink("/proc/self/exe", prefix, sizeof prefix - 1);
    if (length < 0) {
        fprintf(stderr, "Error: /proc/self/exe cannot be read: %s. Next: mount /proc\n", strerror(errno));
        return 1;
    }
    prefix[length] = 0;
    for (int levels = 0; levels < 2; levels++) {
        char *slash = strrchr(prefix, '/');
        if (slash) *slash = 0;
    }
    size_t at = 0, count = sizeof FOLDERS / sizeof *FOLDERS;
    do {
        snprintf(path, sizeof path, "%s/%s/clew/" LIBRARY, prefix, FOLDERS[at]);
    } while (access(path, R_OK) != 0 && ++at < count);
    if (at == count) {
        fprintf(stderr, "Error: The package clew for " PYTHON " is not in %s/lib. Next: reinstall it (`pip install --force-reinstall clew`)\n", prefix);
        return 1;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int (*run)(int, char **) = library ? (int (*)(int, char **))dlsym(library, "clew_main") : NULL;
    if (!run) {
        fprintf(stderr, "Error: %s. Next: reinstall the package (`pip install --force-reinstall clew`)\n", dlerror());
        return 1;
    }
    signal(SIGPIPE, SIG_IGN); /* as every program in Rust: writing to a closed pipe is an error, not the end */
    return run(argc, argv);
}
