/*
 * Records which files a process and its children open, and which environment variables they read, including native code.
 *
 * Clew preloads this library into the kernels that it starts (LD_PRELOAD). It wraps functions of the C library that take paths or read
 * environment variables. A wrapper calls the real function, and writes the path or name to a log in shared memory. The kernel reads the log
 * after each run (python/clew/observer.py, decision 55). The library is written in C, because most of these functions are variadic, and
 * because every child process loads it: it is small and only needs libc.
 *
 * Rules for all code here: do not allocate, take no lock, preserve errno, call no wrapped function. The code runs in signal handlers,
 * between fork and exec, in threads with small stacks, and before main.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <locale.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__ /* For other C libraries this library is empty, and `observer.py` detects that nothing is written. */

#define EXPORTED __attribute__((visibility("default")))
#define VARIABLE "CLEW_OBSERVER"

/* -- the log; python/clew/observer.py has the same constants ----------------------------------------------------- */

#define MAGIC 0x31534245574c43ULL /* "CLWEBS1" */
#define HEADER 8192
#define IGNORED 1024 /* the offset of the ignored prefixes in the header; the prefixes of installed packages follow them */
#define SLOT 128
#define SLOTS 65536
#define SIZE (HEADER + (size_t)SLOT * SLOTS)
#define LONGEST 4096
#define WAS_THERE (1u << 31) /* added to the flags of `open`: the file existed before the call */

enum kind { OPENED = 1, LISTED, LOOKED, CHANGED, STARTED, ASKED };

struct header {
    uint64_t magic;
    _Atomic uint64_t next;   /* the next free slot; it only grows */
    _Atomic uint32_t active; /* the number of the observed part of a run; 0 for none */
    uint32_t owner;          /* the process that executes the runs */
    _Atomic uint32_t run;    /* the number of the first part of the last observed run */
};

/* A record, which uses as many slots as its path needs. `stamp` is written last: the number of its first slot, plus one. */
struct record {
    _Atomic uint64_t stamp;
    uint32_t pid, tid;
    uint32_t parent; /* the parent process, if a program is started */
    uint32_t flags;  /* of `open` */
    uint16_t kind;
    uint16_t length; /* of the path, or of the variable's name, in bytes */
    uint16_t error;  /* errno, if the call failed */
    uint16_t given;  /* the offset of the given path, if it was relative to the working directory */
    char path[];
};

static struct header *volatile the_log;
static int is_preloaded; /* if so, all calls use the wrappers, and no loaded object must be patched */

/* -- the wrapped functions ------------------------------------------------------------------------------------------ */

/* clang-format off */
#define WRAPPED(X) \
    X(open) X(open64) X(openat) X(openat64) X(creat) X(creat64) X(__open_2) X(__open64_2) X(__openat_2) X(__openat64_2) \
    X(fopen) X(fopen64) X(freopen) X(freopen64) X(opendir) \
    X(stat) X(stat64) X(lstat) X(lstat64) X(fstatat) X(fstatat64) X(statx) \
    X(__xstat) X(__xstat64) X(__lxstat) X(__lxstat64) X(__fxstatat) X(__fxstatat64) \
    X(access) X(faccessat) X(euidaccess) X(eaccess) X(readlink) X(readlinkat) X(__readlink_chk) X(__readlinkat_chk) \
    X(realpath) X(__realpath_chk) X(canonicalize_file_name) \
    X(truncate) X(truncate64) X(mkdir) X(mkdirat) X(rmdir) X(unlink) X(unlinkat) X(remove) \
    X(rename) X(renameat) X(renameat2) X(link) X(linkat) X(symlink) X(symlinkat) \
    X(read) X(__read_chk) X(pread) X(pread64) X(__pread_chk) X(__pread64_chk) X(readv) X(preadv) X(preadv64) X(fcntl) X(fcntl64) \
    X(execve) X(execvp) X(execvpe) X(execv) X(fexecve) X(posix_spawn) X(posix_spawnp) X(system) X(popen) \
    X(getenv) X(secure_getenv) X(localtime) X(localtime_r) X(mktime) X(tzset) X(strftime) X(setlocale)
/* clang-format on */

enum function {
#define NUMBER(name) AT_##name,
    WRAPPED(NUMBER)
#undef NUMBER
        FUNCTIONS
};

static const char *const names[] = {
#define NAME(name) #name,
    WRAPPED(NAME)
#undef NAME
};

static void *found[FUNCTIONS];

/* Returns the real function. All are looked up before main, because a lookup takes a lock, which may be held in the child of a fork. */
static void *behind(enum function which) {
    if (found[which] == NULL) {
        found[which] = dlsym(RTLD_NEXT, names[which]);
    }
    return found[which];
}

#define REAL(name, type) ((type)behind(AT_##name))

/* -- writing a record ----------------------------------------------------------------------------------------------- */

/* Whether the path begins with one of the prefixes at `*list`. If not, sets `*list` to the list that follows. */
static int begins_with_any(const char **list, const char *path, size_t length) {
    const char *prefix = *list;
    for (; *prefix != '\0'; prefix += strlen(prefix) + 1) {
        size_t size = strlen(prefix);
        if (size <= length && memcmp(prefix, path, size) == 0) {
            return 1;
        }
    }
    *list = prefix + 1;
    return 0;
}

/* Whether it is a file that imports open. */
static int is_code(const char *path, size_t length) {
    static const char *const endings[] = {".py", ".pyc", ".so", ".pyi", ".pth"};
    for (size_t at = 0; at < sizeof endings / sizeof *endings; at++) {
        size_t size = strlen(endings[at]);
        if (size <= length && memcmp(path + length - size, endings[at], size) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether to ignore a path. Of installed packages, only data files that are opened for reading are recorded. */
static int is_ignored(const struct header *log, enum kind kind, const char *path, size_t length, unsigned flags) {
    if (strstr(path, "/..") != NULL) {
        return 0;
    }
    const char *list = (const char *)log + IGNORED;
    if (begins_with_any(&list, path, length)) {
        return 1;
    }
    int is_data = kind == OPENED && (flags & O_ACCMODE) == O_RDONLY && !is_code(path, length);
    return !is_data && begins_with_any(&list, path, length);
}

/* Writes the folder to which a relative path refers, followed by a slash. Returns the length; 0 if it is unknown. */
static size_t folder_of(int at, char *into, size_t room) {
    long length;
    if (at == AT_FDCWD) {
        length = syscall(SYS_getcwd, into, room) - 1; /* The result includes the terminating zero. */
    } else {
        char link[32] = "/proc/self/fd/";
        char digits[12];
        int used = 0, end = (int)strlen(link);
        for (unsigned rest = (unsigned)at; used == 0 || rest > 0; rest /= 10) {
            digits[used++] = (char)('0' + rest % 10);
        }
        while (used > 0) {
            link[end++] = digits[--used];
        }
        link[end] = '\0';
        length = syscall(SYS_readlinkat, AT_FDCWD, link, into, room);
    }
    if (length <= 0 || (size_t)length + 1 >= room || into[0] != '/') {
        return 0;
    }
    if (into[length - 1] != '/') {
        into[length++] = '/';
    }
    return (size_t)length;
}

/* Whether the same path was inspected before in this part of a run. It is not recorded again, so that a loop does not fill the log. */
static int was_written(uint32_t run, const char *path, size_t length, unsigned error) {
    static _Atomic uint64_t written[2048];
    uint64_t hash = 14695981039346656037ULL ^ run;
    for (size_t at = 0; at < length; at++) {
        hash = (hash ^ (unsigned char)path[at]) * 1099511628211ULL;
    }
    hash = ((hash ^ error) * 1099511628211ULL) | 1;
    _Atomic uint64_t *place = &written[(hash >> 20) % 2048];
    return atomic_exchange_explicit(place, hash, memory_order_relaxed) == hash;
}

static void copy(struct header *log, uint64_t slot, size_t offset, const void *from, size_t size) {
    size_t at = (size_t)(slot % SLOTS) * SLOT + offset;
    char *slots = (char *)log + HEADER;
    for (size_t done = 0; done < size;) {
        size_t place = (at + done) % ((size_t)SLOT * SLOTS);
        size_t part = (size_t)SLOT * SLOTS - place;
        part = part < size - done ? part : size - done;
        memcpy(slots + place, (const char *)from + done, part);
        done += part;
    }
}

static void append(struct header *log, enum kind kind, const char *text, size_t length, unsigned flags, int error, size_t given) {
    struct record record = {
        .pid = (uint32_t)syscall(SYS_getpid),
        .tid = (uint32_t)syscall(SYS_gettid),
        .parent = kind == STARTED ? (uint32_t)syscall(SYS_getppid) : 0,
        .flags = flags,
        .kind = (uint16_t)kind,
        .length = (uint16_t)length,
        .error = (uint16_t)error,
        .given = (uint16_t)given,
    };
    size_t head = offsetof(struct record, path);
    uint64_t slots = (head + length + SLOT - 1) / SLOT;
    uint64_t slot = atomic_fetch_add_explicit(&log->next, slots, memory_order_relaxed);
    size_t stamp = sizeof record.stamp;
    copy(log, slot, stamp, (char *)&record + stamp, head - stamp);
    copy(log, slot, head, text, length);
    struct record *place = (struct record *)((char *)log + HEADER + (size_t)(slot % SLOTS) * SLOT);
    atomic_store_explicit(&place->stamp, slot + 1, memory_order_release);
}

/* Records an operation on a path, relative to the folder `at`. `error` is errno if the operation failed. */
static void write_record(enum kind kind, int at, const char *path, unsigned flags, int error) {
    struct header *log = the_log;
    uint32_t run;
    if (log == NULL || path == NULL || path[0] == '\0' ||
        (run = atomic_load_explicit(&log->active, memory_order_relaxed)) == 0) {
        return;
    }
    char whole[LONGEST];
    size_t length = strnlen(path, LONGEST), before = 0;
    if (path[0] != '/' && kind != STARTED) {
        before = folder_of(at, whole, sizeof whole);
        if (before == 0 || before + length >= sizeof whole) {
            return;
        }
        memcpy(whole + before, path, length);
        length += before;
        whole[length] = '\0';
        path = whole;
    }
    if (length >= LONGEST || (kind != STARTED && is_ignored(log, kind, path, length, flags)) ||
        (kind == LOOKED && was_written(run, path, length, (unsigned)error))) {
        return;
    }
    append(log, kind, path, length, flags, error, at == AT_FDCWD ? before : 0);
}

/* Records an operation and preserves errno. If the operation `failed`, errno is its error. */
static void note(enum kind kind, int at, const char *path, unsigned flags, int failed) {
    int before = errno;
    write_record(kind, at, path, flags, failed ? before : 0);
    errno = before;
}

/* -- files that stay open between runs ------------------------------------------------------------------------------ */

/* The last run in which each descriptor was opened or used. */
static _Atomic uint32_t used_in[4096];
#define DESCRIPTORS ((int)(sizeof used_in / sizeof *used_in))

/* Notes that a descriptor was opened: its further uses in this run need no record. */
static int opened(int fd) {
    struct header *log = the_log;
    if (log != NULL && fd >= 0 && fd < DESCRIPTORS) {
        uint32_t run = atomic_load_explicit(&log->run, memory_order_relaxed);
        atomic_store_explicit(&used_in[fd], run, memory_order_relaxed);
    }
    return fd;
}

static void note_held(int fd) {
    int before = errno;
    char path[LONGEST];
    struct stat about;
    const char gone[] = " (deleted)";
    size_t length = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? folder_of(fd, path, sizeof path) : 0;
    if (length > 1) {
        path[--length] = '\0'; /* Remove the slash at the end. */
        size_t end = sizeof gone - 1;
        if (length <= end || memcmp(path + length - end, gone, end) != 0) {
            write_record(OPENED, AT_FDCWD, path, (unsigned)syscall(SYS_fcntl, fd, F_GETFL) & O_ACCMODE, 0);
        }
    }
    errno = before;
}

/* Records the first use of a descriptor in a run: reading from it, or locking it, as databases do before they read. If an earlier run
 * opened the file, no other call shows that this run uses it. */
static inline void uses(int fd) {
    struct header *log = the_log;
    if (log == NULL || fd < 0 || fd >= DESCRIPTORS || atomic_load_explicit(&log->active, memory_order_relaxed) == 0) {
        return;
    }
    uint32_t run = atomic_load_explicit(&log->run, memory_order_relaxed);
    if (atomic_load_explicit(&used_in[fd], memory_order_relaxed) != run) {
        atomic_store_explicit(&used_in[fd], run, memory_order_relaxed);
        note_held(fd);
    }
}

/* Whether this thread has read the variable before in this part of a run. Libraries read the same names thousands of times, so each name
 * has its own entry while there is space. */
static int was_asked(uint32_t part, const char *name, size_t length) {
    static _Atomic uint64_t asked[4096];
    uint64_t hash = (14695981039346656037ULL ^ part) * 1099511628211ULL ^ (uint64_t)(uintptr_t)pthread_self();
    for (size_t at = 0; at < length; at++) {
        hash = (hash ^ (unsigned char)name[at]) * 1099511628211ULL;
    }
    /* The lower bits are the number of the part. Entries of other parts are free. */
    const uint64_t of_part = 0xFFFFFF;
    uint64_t key = (hash & ~of_part) | (part & of_part);
    size_t first = (size_t)(hash >> 30);
    for (size_t step = 0; step < 16; step++) {
        _Atomic uint64_t *place = &asked[(first + step) % 4096];
        uint64_t there = atomic_load_explicit(place, memory_order_relaxed);
        if (there != key && ((there ^ part) & of_part) != 0 &&
            atomic_compare_exchange_strong_explicit(place, &there, key, memory_order_relaxed, memory_order_relaxed)) {
            return 0;
        }
        if (there == key) {
            return 1;
        }
    }
    return atomic_exchange_explicit(&asked[first % 4096], key, memory_order_relaxed) == key;
}

/* Records that an environment variable is read. */
static void note_variable(const char *name) {
    struct header *log = the_log;
    uint32_t part;
    if (log == NULL || name == NULL || name[0] == '\0' ||
        (part = atomic_load_explicit(&log->active, memory_order_relaxed)) == 0) {
        return;
    }
    size_t length = strnlen(name, LONGEST);
    if (length < LONGEST && !was_asked(part, name, length)) {
        int before = errno;
        append(log, ASKED, name, length, 0, 0, 0);
        errno = before;
    }
}

/* -- initialization ------------------------------------------------------------------------------------------------- */

extern char **environ __attribute__((weak));

/* Returns the value of an environment variable without calling any function. Constructors of other libraries read variables before this
 * library's constructor runs. `dlsym` may allocate, and an allocator may read variables again. Before the loader has linked this library,
 * `environ` has no address. */
static char *value_of(const char *name) {
    if (&environ == NULL || environ == NULL) {
        return NULL;
    }
    for (char **entry = environ; *entry != NULL; entry++) {
        size_t at = 0;
        while (name[at] != '\0' && (*entry)[at] == name[at]) {
            at++;
        }
        if (name[at] == '\0' && (*entry)[at] == '=' && at > 0) {
            return *entry + at + 1;
        }
    }
    return NULL;
}

/* Creates a log for this process. If `is_shared`, an environment variable passes its path to child processes. */
static int new_log(int is_shared) {
    int fd = (int)syscall(SYS_memfd_create, "clew-observer", 1u /* MFD_CLOEXEC */);
    if (fd < 0) {
        return -1;
    }
    /* Programs expect that low descriptor numbers are free. */
    int high = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 200);
    if (high >= 0) {
        syscall(SYS_close, fd);
        fd = high;
    }
    uint64_t magic = MAGIC;
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)syscall(SYS_getpid), fd);
    if (ftruncate(fd, (off_t)SIZE) != 0 || pwrite(fd, &magic, sizeof magic, 0) != sizeof magic ||
        (is_shared && setenv(VARIABLE, path, 1) != 0)) {
        syscall(SYS_close, fd);
        return -1;
    }
    return fd;
}

static void map_log(int fd) {
    uint64_t magic = 0;
    struct stat about;
    if (fstat(fd, &about) != 0 || about.st_size != (off_t)SIZE ||
        syscall(SYS_pread64, fd, &magic, sizeof magic, 0) != sizeof magic || magic != MAGIC) {
        return;
    }
    void *log = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (log != MAP_FAILED) {
        the_log = log;
    }
}

/* Whether this process created the log before it executed another program (`nice python ...`). */
static int was_own(const char *where) {
    char own[32];
    snprintf(own, sizeof own, "/proc/%ld/", (long)syscall(SYS_getpid));
    return strncmp(where, own, strlen(own)) == 0;
}

__attribute__((constructor)) static void begin(void) {
    int before = errno;
    for (int which = 0; which < FUNCTIONS; which++) {
        behind((enum function)which);
    }
    const char *where = value_of(VARIABLE), *preloaded = value_of("LD_PRELOAD");
    is_preloaded = where != NULL && preloaded != NULL && strstr(preloaded, "_observer.so") != NULL;
    /* Java processes are not observed: the calls that make them read files record these files. */
    if (where != NULL && strcmp(program_invocation_short_name, "java") != 0) {
        int fd = where[0] == '/' ? (int)syscall(SYS_openat, AT_FDCWD, where, O_RDWR | O_CLOEXEC) : -1;
        if (fd >= 0) {
            map_log(fd);
            syscall(SYS_close, fd);
        } else if ((strcmp(where, "new") == 0 || was_own(where)) && (fd = new_log(1)) >= 0) {
            map_log(fd); /* The descriptor stays open, because child processes open the log by it. */
        }
    }
    errno = before;
}

static unsigned what_was_there(int at, const char *path, unsigned flags) {
    struct header *log = the_log;
    if ((flags & O_CREAT) == 0 || log == NULL || atomic_load_explicit(&log->active, memory_order_relaxed) == 0) {
        return flags;
    }
    int before = errno;
    int is_there = syscall(SYS_faccessat, at, path, F_OK) == 0;
    errno = before;
    return is_there ? flags | WAS_THERE : flags;
}

/* -- opens ---------------------------------------------------------------------------------------------------------- */

static int has_mode(int flags) {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

static enum kind kind_of(int flags) {
    return (flags & O_DIRECTORY) != 0 && (flags & O_TMPFILE) != O_TMPFILE ? LISTED : OPENED;
}

#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if (has_mode(flags)) {                                                                                             \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode = va_arg(more, mode_t);                                                                                   \
        va_end(more);                                                                                                  \
    }

#define WRAP_OPEN(name)                                                                                                \
    EXPORTED int name(const char *path, int flags, ...) {                                                              \
        MODE(flags)                                                                                                    \
        unsigned noted = what_was_there(AT_FDCWD, path, (unsigned)flags);                                              \
        int fd = opened(REAL(name, int (*)(const char *, int, ...))(path, flags, mode));                               \
        note(kind_of(flags), AT_FDCWD, path, noted, fd < 0);                                                           \
        return fd;                                                                                                     \
    }
WRAP_OPEN(open)
WRAP_OPEN(open64)

#define WRAP_OPENAT(name)                                                                                              \
    EXPORTED int name(int at, const char *path, int flags, ...) {                                                      \
        MODE(flags)                                                                                                    \
        unsigned noted = what_was_there(at, path, (unsigned)flags);                                                    \
        int fd = opened(REAL(name, int (*)(int, const char *, int, ...))(at, path, flags, mode));                      \
        note(kind_of(flags), at, path, noted, fd < 0);                                                                 \
        return fd;                                                                                                     \
    }
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)

#define WRAP_CREAT(name)                                                                                               \
    EXPORTED int name(const char *path, mode_t mode) {                                                                 \
        unsigned noted = what_was_there(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC);                                 \
        int fd = opened(REAL(name, int (*)(const char *, mode_t))(path, mode));                                        \
        note(OPENED, AT_FDCWD, path, noted, fd < 0);                                                                   \
        return fd;                                                                                                     \
    }
WRAP_CREAT(creat)
WRAP_CREAT(creat64)

/* Functions that are called by code compiled with _FORTIFY_SOURCE. */
#define WRAP_OPEN_2(name)                                                                                              \
    EXPORTED int name(const char *path, int flags);                                                                    \
    EXPORTED int name(const char *path, int flags) {                                                                   \
        int fd = opened(REAL(name, int (*)(const char *, int))(path, flags));                                          \
        note(kind_of(flags), AT_FDCWD, path, (unsigned)flags, fd < 0);                                                 \
        return fd;                                                                                                     \
    }
WRAP_OPEN_2(__open_2)
WRAP_OPEN_2(__open64_2)

#define WRAP_OPENAT_2(name)                                                                                            \
    EXPORTED int name(int at, const char *path, int flags);                                                            \
    EXPORTED int name(int at, const char *path, int flags) {                                                           \
        int fd = opened(REAL(name, int (*)(int, const char *, int))(at, path, flags));                                 \
        note(kind_of(flags), at, path, (unsigned)flags, fd < 0);                                                       \
        return fd;                                                                                                     \
    }
WRAP_OPENAT_2(__openat_2)
WRAP_OPENAT_2(__openat64_2)

static unsigned flags_of(const char *mode) {
    unsigned flags = 0;
    if (mode != NULL) {
        int is_both = strchr(mode, '+') != NULL;
        flags = is_both ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
        flags |= mode[0] == 'w' ? O_CREAT | O_TRUNC : mode[0] == 'a' ? O_CREAT | O_APPEND : 0;
    }
    return flags;
}

#define WRAP_FOPEN(name)                                                                                               \
    EXPORTED FILE *name(const char *restrict path, const char *restrict mode) {                                        \
        unsigned noted = what_was_there(AT_FDCWD, path, flags_of(mode));                                               \
        FILE *file = REAL(name, FILE * (*)(const char *, const char *))(path, mode);                                   \
        note(OPENED, AT_FDCWD, path, noted, file == NULL);                                                             \
        return file;                                                                                                   \
    }
WRAP_FOPEN(fopen)
WRAP_FOPEN(fopen64)

#define WRAP_FREOPEN(name)                                                                                             \
    EXPORTED FILE *name(const char *restrict path, const char *restrict mode, FILE *restrict other) {                  \
        unsigned noted = what_was_there(AT_FDCWD, path, flags_of(mode));                                               \
        FILE *file = REAL(name, FILE * (*)(const char *, const char *, FILE *))(path, mode, other);                    \
        note(OPENED, AT_FDCWD, path, noted, file == NULL);                                                             \
        return file;                                                                                                   \
    }
WRAP_FREOPEN(freopen)
WRAP_FREOPEN(freopen64)

EXPORTED DIR *opendir(const char *path) {
    DIR *folder = REAL(opendir, DIR * (*)(const char *))(path);
    note(LISTED, AT_FDCWD, path, O_DIRECTORY, folder == NULL);
    return folder;
}

/* -- uses of open files --------------------------------------------------------------------------------------------- */

#define USE(name, parameters, arguments)                                                                               \
    EXPORTED ssize_t name parameters;                                                                                  \
    EXPORTED ssize_t name parameters {                                                                                 \
        uses(fd);                                                                                                      \
        return REAL(name, ssize_t(*) parameters) arguments;                                                            \
    }
USE(read, (int fd, void *into, size_t size), (fd, into, size))
USE(__read_chk, (int fd, void *into, size_t size, size_t room), (fd, into, size, room))
USE(pread, (int fd, void *into, size_t size, off_t at), (fd, into, size, at))
USE(pread64, (int fd, void *into, size_t size, off64_t at), (fd, into, size, at))
USE(__pread_chk, (int fd, void *into, size_t size, off_t at, size_t room), (fd, into, size, at, room))
USE(__pread64_chk, (int fd, void *into, size_t size, off64_t at, size_t room), (fd, into, size, at, room))
USE(readv, (int fd, const struct iovec *into, int count), (fd, into, count))
USE(preadv, (int fd, const struct iovec *into, int count, off_t at), (fd, into, count, at))
USE(preadv64, (int fd, const struct iovec *into, int count, off64_t at), (fd, into, count, at))

static int is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK || command == F_OFD_SETLK ||
           command == F_OFD_SETLKW || command == F_OFD_GETLK;
}

/* The third argument is a number, an address or missing; all are passed in the same way. */
#define WRAP_FCNTL(name)                                                                                               \
    EXPORTED int name(int fd, int command, ...) {                                                                      \
        va_list more;                                                                                                  \
        va_start(more, command);                                                                                       \
        void *third = va_arg(more, void *);                                                                            \
        va_end(more);                                                                                                  \
        if (is_lock(command)) {                                                                                        \
            uses(fd);                                                                                                  \
        }                                                                                                              \
        return REAL(name, int (*)(int, int, ...))(fd, command, third);                                                 \
    }
WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

/* -- inspections ---------------------------------------------------------------------------------------------------- */

/* Wraps a function: its kind, type, name, parameters, the arguments of the real call, its folder and path, and its failure condition. */
#define WRAP(kind, type, name, parameters, arguments, at, path, has_failed)                                            \
    EXPORTED type name parameters;                                                                                     \
    EXPORTED type name parameters {                                                                                    \
        type result = REAL(name, type(*) parameters) arguments;                                                        \
        note(kind, at, path, 0, has_failed);                                                                           \
        return result;                                                                                                 \
    }
#define LOOK(name, parameters, arguments, at) WRAP(LOOKED, int, name, parameters, arguments, at, path, result != 0)
#define READ_LINK(name, parameters, arguments, at)                                                                     \
    WRAP(LOOKED, ssize_t, name, parameters, arguments, at, path, result < 0)
#define FIND(name, parameters, arguments)                                                                              \
    WRAP(LOOKED, char *, name, parameters, arguments, AT_FDCWD, path, result == NULL)

LOOK(stat, (const char *restrict path, struct stat *restrict about), (path, about), AT_FDCWD)
LOOK(stat64, (const char *restrict path, struct stat64 *restrict about), (path, about), AT_FDCWD)
LOOK(lstat, (const char *restrict path, struct stat *restrict about), (path, about), AT_FDCWD)
LOOK(lstat64, (const char *restrict path, struct stat64 *restrict about), (path, about), AT_FDCWD)
LOOK(fstatat, (int at, const char *restrict path, struct stat *restrict about, int flags), (at, path, about, flags), at)
LOOK(fstatat64, (int at, const char *restrict path, struct stat64 *restrict about, int flags), (at, path, about, flags), at)
LOOK(statx, (int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict about),
     (at, path, flags, mask, about), at)
LOOK(__xstat, (int version, const char *path, struct stat *about), (version, path, about), AT_FDCWD)
LOOK(__xstat64, (int version, const char *path, struct stat64 *about), (version, path, about), AT_FDCWD)
LOOK(__lxstat, (int version, const char *path, struct stat *about), (version, path, about), AT_FDCWD)
LOOK(__lxstat64, (int version, const char *path, struct stat64 *about), (version, path, about), AT_FDCWD)
LOOK(__fxstatat, (int version, int at, const char *path, struct stat *about, int flags),
     (version, at, path, about, flags), at)
LOOK(__fxstatat64, (int version, int at, const char *path, struct stat64 *about, int flags),
     (version, at, path, about, flags), at)
LOOK(access, (const char *path, int how), (path, how), AT_FDCWD)
LOOK(faccessat, (int at, const char *path, int how, int flags), (at, path, how, flags), at)
LOOK(euidaccess, (const char *path, int how), (path, how), AT_FDCWD)
LOOK(eaccess, (const char *path, int how), (path, how), AT_FDCWD)
READ_LINK(readlink, (const char *restrict path, char *restrict into, size_t size), (path, into, size), AT_FDCWD)
READ_LINK(readlinkat, (int at, const char *restrict path, char *restrict into, size_t size), (at, path, into, size), at)
READ_LINK(__readlink_chk, (const char *path, char *into, size_t size, size_t room), (path, into, size, room), AT_FDCWD)
READ_LINK(__readlinkat_chk, (int at, const char *path, char *into, size_t size, size_t room),
          (at, path, into, size, room), at)
FIND(realpath, (const char *restrict path, char *restrict into), (path, into))
FIND(__realpath_chk, (const char *path, char *into, size_t room), (path, into, room))
FIND(canonicalize_file_name, (const char *path), (path))

/* -- changes -------------------------------------------------------------------------------------------------------- */

#define CHANGE(name, parameters, arguments, at) WRAP(CHANGED, int, name, parameters, arguments, at, path, result != 0)

CHANGE(truncate, (const char *path, off_t length), (path, length), AT_FDCWD)
CHANGE(truncate64, (const char *path, off64_t length), (path, length), AT_FDCWD)
CHANGE(mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD)
CHANGE(mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), at)
CHANGE(rmdir, (const char *path), (path), AT_FDCWD)
CHANGE(unlink, (const char *path), (path), AT_FDCWD)
CHANGE(unlinkat, (int at, const char *path, int flags), (at, path, flags), at)
CHANGE(remove, (const char *path), (path), AT_FDCWD)
CHANGE(link, (const char *from, const char *path), (from, path), AT_FDCWD)
CHANGE(linkat, (int from, const char *old, int at, const char *path, int flags), (from, old, at, path, flags), at)
CHANGE(symlink, (const char *from, const char *path), (from, path), AT_FDCWD)
CHANGE(symlinkat, (const char *from, int at, const char *path), (from, at, path), at)

static int renamed(int from, const char *old, int to, const char *path, int result) {
    note(CHANGED, from, old, 0, result != 0);
    note(CHANGED, to, path, 0, result != 0);
    return result;
}

EXPORTED int rename(const char *old, const char *path) {
    return renamed(AT_FDCWD, old, AT_FDCWD, path, REAL(rename, int (*)(const char *, const char *))(old, path));
}

EXPORTED int renameat(int from, const char *old, int to, const char *path) {
    int result = REAL(renameat, int (*)(int, const char *, int, const char *))(from, old, to, path);
    return renamed(from, old, to, path, result);
}

EXPORTED int renameat2(int from, const char *old, int to, const char *path, unsigned flags) {
    int result = REAL(renameat2, int (*)(int, const char *, int, const char *, unsigned))(from, old, to, path, flags);
    return renamed(from, old, to, path, result);
}

/* -- programs ------------------------------------------------------------------------------------------------------- */

EXPORTED int execve(const char *path, char *const arguments[], char *const environment[]) {
    note(STARTED, AT_FDCWD, path, 0, 0);
    return REAL(execve, int (*)(const char *, char *const[], char *const[]))(path, arguments, environment);
}

EXPORTED int execv(const char *path, char *const arguments[]) {
    note(STARTED, AT_FDCWD, path, 0, 0);
    return REAL(execv, int (*)(const char *, char *const[]))(path, arguments);
}

EXPORTED int execvp(const char *path, char *const arguments[]) {
    note(STARTED, AT_FDCWD, path, 0, 0);
    return REAL(execvp, int (*)(const char *, char *const[]))(path, arguments);
}

EXPORTED int execvpe(const char *path, char *const arguments[], char *const environment[]) {
    note(STARTED, AT_FDCWD, path, 0, 0);
    return REAL(execvpe, int (*)(const char *, char *const[], char *const[]))(path, arguments, environment);
}

EXPORTED int fexecve(int fd, char *const arguments[], char *const environment[]) {
    note(STARTED, AT_FDCWD, arguments != NULL ? arguments[0] : NULL, 0, 0);
    return REAL(fexecve, int (*)(int, char *const[], char *const[]))(fd, arguments, environment);
}

#define WRAP_SPAWN(name)                                                                                               \
    EXPORTED int name(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *restrict does, \
                      const posix_spawnattr_t *restrict how, char *const arguments[restrict],                          \
                      char *const environment[restrict]) {                                                             \
        note(STARTED, AT_FDCWD, path, 0, 0);                                                                           \
        return REAL(name, int (*)(pid_t *, const char *, const posix_spawn_file_actions_t *,                           \
                                  const posix_spawnattr_t *, char *const[], char *const[]))(pid, path, does, how,      \
                                                                                            arguments, environment);   \
    }
WRAP_SPAWN(posix_spawn)
WRAP_SPAWN(posix_spawnp)

EXPORTED int system(const char *command) {
    if (command != NULL) {
        note(STARTED, AT_FDCWD, "/bin/sh", 0, 0);
    }
    return REAL(system, int (*)(const char *))(command);
}

EXPORTED FILE *popen(const char *command, const char *mode) {
    note(STARTED, AT_FDCWD, "/bin/sh", 0, 0);
    return REAL(popen, FILE * (*)(const char *, const char *))(command, mode);
}

/* -- environment variables ------------------------------------------------------------------------------------------ */

EXPORTED char *getenv(const char *name) {
    note_variable(name);
    char *(*real)(const char *) = (char *(*)(const char *))found[AT_getenv];
    return real != NULL ? real(name) : value_of(name);
}

EXPORTED char *secure_getenv(const char *name) {
    note_variable(name);
    char *(*real)(const char *) = (char *(*)(const char *))found[AT_secure_getenv];
    return real != NULL ? real(name) : getauxval(AT_SECURE) != 0 ? NULL : value_of(name);
}

/* The C library reads some variables without a function that can be wrapped. These functions make it read the time zone. */
#define ASK_ZONE(type, name, parameters, arguments)                                                                    \
    EXPORTED type name parameters {                                                                                    \
        note_variable("TZ");                                                                                           \
        return REAL(name, type(*) parameters) arguments;                                                               \
    }
ASK_ZONE(struct tm *, localtime, (const time_t *time), (time))
ASK_ZONE(struct tm *, localtime_r, (const time_t *restrict time, struct tm *restrict into), (time, into))
ASK_ZONE(time_t, mktime, (struct tm * parts), (parts))
ASK_ZONE(size_t, strftime,
         (char *restrict into, size_t room, const char *restrict format, const struct tm *restrict parts),
         (into, room, format, parts))
ASK_ZONE(void, tzset, (void), ())

/* With an empty locale, this function reads the locale from the environment. */
EXPORTED char *setlocale(int category, const char *locale) {
    if (locale != NULL && locale[0] == '\0') {
        static const char *const asked[] = {"LC_ALL",      "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES",
                                            "LC_MONETARY", "LC_NUMERIC", "LC_TIME",  "LANG"};
        for (size_t at = 0; at < sizeof asked / sizeof *asked; at++) {
            note_variable(asked[at]);
        }
    }
    return REAL(setlocale, char *(*)(int, const char *))(category, locale);
}

/* -- observing a process that is already running ------------------------------------------------------------------ */

#if defined(__x86_64__)
#define IS_SLOT(type) ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT || (type) == R_X86_64_64)
#elif defined(__aarch64__)
#define IS_SLOT(type) ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT || (type) == R_AARCH64_ABS64)
#else
#define IS_SLOT(type) 0
#endif

static void *wrapper_of(const char *name) {
#define ENTRY(name) {#name, (void *)name},
    static const struct {
        const char *name;
        void *wrapper;
    } wrappers[] = {WRAPPED(ENTRY)};
#undef ENTRY
    for (size_t at = 0; at < sizeof wrappers / sizeof *wrappers; at++) {
        /* The first letter excludes most names without a call. */
        if (*wrappers[at].name == *name && strcmp(wrappers[at].name, name) == 0) {
            return wrappers[at].wrapper;
        }
    }
    return NULL;
}

static void *dlopen_and_attach(const char *path, int flags);

/* A loaded object, with the data for finding its slots: the entries with the addresses of functions in other objects. */
struct object {
    ElfW(Addr) base;
    const ElfW(Sym) * symbols;
    const char *texts;
    uintptr_t sealed, sealed_end; /* the range that the loader made read-only after it had filled the slots */
    int loads;                    /* whether it imports modules, so whether it is Python itself */
};

static uintptr_t address_of(const struct object *object, ElfW(Addr) found) {
    return found < object->base ? object->base + found : found;
}

/* Replaces wrapped functions in the slots by their wrappers. */
static void fill(const struct object *object, const ElfW(Rela) * slots, size_t size) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t at = 0; at < size / sizeof *slots; at++) {
        const ElfW(Sym) *symbol = &object->symbols[ELF64_R_SYM(slots[at].r_info)];
        if (!IS_SLOT(ELF64_R_TYPE(slots[at].r_info)) || ELF64_R_SYM(slots[at].r_info) == 0 ||
            symbol->st_shndx != SHN_UNDEF || slots[at].r_addend != 0) {
            continue;
        }
        const char *name = object->texts + symbol->st_name;
        void *wrapper = wrapper_of(name);
        if (wrapper == NULL && object->loads && strcmp(name, "dlopen") == 0) {
            wrapper = (void *)dlopen_and_attach;
        }
        void *_Atomic *slot = (void *_Atomic *)(object->base + slots[at].r_offset);
        if (wrapper == NULL || atomic_load_explicit(slot, memory_order_relaxed) == wrapper) {
            continue;
        }
        int is_sealed = (uintptr_t)slot >= object->sealed && (uintptr_t)slot < object->sealed_end;
        void *start = (void *)((uintptr_t)slot & ~(page - 1));
        if (is_sealed && mprotect(start, page, PROT_READ | PROT_WRITE) != 0) {
            continue;
        }
        atomic_store_explicit(slot, wrapper, memory_order_relaxed);
        if (is_sealed) {
            mprotect(start, page, PROT_READ);
        }
    }
}

static int is_named(const char *path, const char *begin) {
    const char *slash = strrchr(path, '/');
    return strncmp(slash != NULL ? slash + 1 : path, begin, strlen(begin)) == 0;
}

/* The loader's list of objects. New objects are appended, until an object is unloaded. */
struct listed {
    size_t objects;
    unsigned long long unloaded; /* the number of objects that were ever unloaded */
};

/* The part of the list that was already patched. An import may load hundreds of objects one by one, and each is patched once. Only the
 * loader's callbacks use this variable, one at a time. */
static struct listed attached;

/* A pass over the list: the number of completely loaded objects, and the position of the pass. */
struct pass {
    struct listed loaded;
    size_t position;
    int is_old; /* whether all of them are patched already */
};

static int count(struct dl_phdr_info *info, size_t size, void *given) {
    (void)size;
    struct pass *pass = given;
    pass->loaded.unloaded = info->dlpi_subs;
    pass->loaded.objects++;
    pass->is_old = attached.unloaded == info->dlpi_subs && attached.objects >= pass->loaded.objects;
    return 0;
}

/* Patches the next object of a pass, if it is completely loaded and new. Returns 1 if the pass must start again. */
static int attach_to(struct dl_phdr_info *info, size_t size, void *given) {
    (void)size;
    struct pass *pass = given;
    if (info->dlpi_subs != pass->loaded.unloaded) {
        return 1;
    }
    if (attached.unloaded != info->dlpi_subs) {
        attached = (struct listed){.unloaded = info->dlpi_subs};
    }
    size_t position = pass->position++;
    if (position < attached.objects || position >= pass->loaded.objects) {
        return 0;
    }
    attached.objects = position + 1;
    const ElfW(Dyn) *entry = NULL;
    struct object object = {.base = info->dlpi_addr};
    for (int at = 0; at < info->dlpi_phnum; at++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[at];
        if (part->p_type == PT_DYNAMIC) {
            entry = (const ElfW(Dyn) *)(object.base + part->p_vaddr);
        } else if (part->p_type == PT_GNU_RELRO) {
            object.sealed = object.base + part->p_vaddr;
            object.sealed_end = object.sealed + part->p_memsz;
        } else if (part->p_type == PT_LOAD) {
            uintptr_t own = (uintptr_t)attach_to - object.base;
            if (own >= part->p_vaddr && own < part->p_vaddr + part->p_memsz) {
                return 0; /* This is the library itself. */
            }
        }
    }
    /* The C library calls its own functions directly, and the system's object in each process (vdso) calls none. */
    if (entry == NULL || is_named(info->dlpi_name, "libc.so") || is_named(info->dlpi_name, "ld-linux") ||
        is_named(info->dlpi_name, "linux-vdso")) {
        return 0;
    }
    object.loads = info->dlpi_name[0] == '\0' || is_named(info->dlpi_name, "libpython");
    const ElfW(Rela) *tables[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    for (; entry->d_tag != DT_NULL; entry++) {
        uintptr_t found = address_of(&object, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB: object.symbols = (const ElfW(Sym) *)found; break;
        case DT_STRTAB: object.texts = (const char *)found; break;
        case DT_JMPREL: tables[0] = (const ElfW(Rela) *)found; break;
        case DT_PLTRELSZ: sizes[0] = entry->d_un.d_val; break;
        case DT_RELA: tables[1] = (const ElfW(Rela) *)found; break;
        case DT_RELASZ: sizes[1] = entry->d_un.d_val; break;
        default: break;
        }
    }
    for (int at = 0; at < 2 && object.symbols != NULL && object.texts != NULL; at++) {
        if (tables[at] != NULL) {
            fill(&object, tables[at], sizes[at]);
        }
    }
    return 0;
}

/* Patches objects that were loaded since the last call. The loader lists an object before it fills its slots, and then overwrites patched
 * slots. So this function waits for objects that other threads are loading: `dladdr` takes the lock that the loader holds meanwhile. */
EXPORTED void clew_attach(void);
EXPORTED void clew_attach(void) {
    if (is_preloaded || the_log == NULL) {
        return;
    }
    struct pass pass;
    do {
        pass = (struct pass){.position = 0};
        dl_iterate_phdr(count, &pass);
        if (pass.is_old) {
            return;
        }
        Dl_info about;
        dladdr((void *)attach_to, &about);
    } while (dl_iterate_phdr(attach_to, &pass) != 0);
}

/* Python passes absolute paths to `dlopen`, so the result does not depend on the calling object. */
static void *dlopen_and_attach(const char *path, int flags) {
    void *library = dlopen(path, flags);
    int before = errno;
    clew_attach();
    errno = before;
    return library;
}

/* Creates a log in a process that has none. Returns its descriptor; -1 if this is not possible. */
EXPORTED int clew_observe(void);
EXPORTED int clew_observe(void) {
    int fd = is_preloaded || IS_SLOT(6 /* on x86-64 */) || IS_SLOT(1026 /* on ARM */) ? new_log(0) : -1;
    if (fd >= 0) {
        map_log(fd);
        clew_attach();
    }
    return fd;
}

#endif
