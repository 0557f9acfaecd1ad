//! A filter of system calls, for what Landlock does not cover.
//!
//! Calls that affect anything outside this process are refused, one by one. Numbers above the highest one known to
//! this code do not exist for the process; neither does the second set of numbers (x32) of x86-64, in which every
//! call exists under another number.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

use super::gap::SandboxGap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The first number unknown to this code: calls added after Linux 6.10.
const UNREAD: u32 = 463;

/// Installs the filter for this thread and those it starts; returns the reason if that fails.
pub(super) fn filter() -> Result<(), SandboxGap> {
    let why = |error: &dyn std::fmt::Display| SandboxGap::SystemCalls(error.to_string());
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| why(&error))?;
    let refused = SeccompFilter::new(
        rules().map_err(|error| why(&error))?,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        architecture,
    );
    let refused: BpfProgram = refused.and_then(BpfProgram::try_from).map_err(|error| why(&error))?;
    // glibc first tries `clone3`, whose flags a filter cannot see, and falls back to `clone` if it does not exist.
    let absent = SeccompFilter::new(
        Rules::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        architecture,
    );
    let absent: BpfProgram = absent.and_then(BpfProgram::try_from).map_err(|error| why(&error))?;
    for program in [&absent, &refused, &ceiling()] {
        apply_filter(program).map_err(|error| why(&error))?;
    }
    Ok(())
}

/// Refuses every number from [`UNREAD`] on, including those of x32 (which start at `0x4000_0000`).
fn ceiling() -> BpfProgram {
    let statement = |code: u32, k: u32| sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    vec![
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16,
            jt: 0,
            jf: 1,
            k: UNREAD,
        },
        statement(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ]
}

fn rules() -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = ALWAYS.iter().map(|number| (*number, Vec::new())).collect();
    let mut refuse = |number: c_long, conditions: Vec<SeccompCondition>| -> Result<(), _> {
        rules.entry(number).or_default().push(SeccompRule::new(conditions)?);
        Ok::<(), seccompiler::BackendError>(())
    };
    let own = u64::from(std::process::id());
    // Signals go to this process only.
    for call in [
        libc::SYS_kill,
        libc::SYS_tgkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
    ] {
        refuse(call, vec![argument(0, Is::Ne, own)?])?;
    }
    // Threads may be created, processes may not.
    let thread = libc::CLONE_THREAD as u64;
    refuse(libc::SYS_clone, vec![argument(0, Is::MaskedEq(thread), 0)?])?;
    let namespaces = libc::CLONE_NEWNET
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWCGROUP;
    for bit in (0..32)
        .map(|bit| 1_u64 << bit)
        .filter(|bit| u64::from(namespaces as u32) & bit != 0)
    {
        refuse(libc::SYS_clone, vec![argument(0, Is::MaskedEq(bit), bit)?])?;
    }
    // Pairs of connected streams are allowed, with which event loops wake themselves. A datagram socket of a pair
    // could be connected to any address.
    refuse(libc::SYS_socketpair, vec![argument(0, Is::Ne, libc::AF_UNIX as u64)?])?;
    let stream = libc::SOCK_STREAM as u64;
    for bit in [1_u64, 2, 4, 8] {
        refuse(
            libc::SYS_socketpair,
            vec![argument(1, Is::MaskedEq(bit), !stream & bit)?],
        )?;
    }
    // A lease or a signal of a file affects any process that opens it next.
    for command in [libc::F_SETLEASE, libc::F_NOTIFY, libc::F_SETOWN, F_SETOWN_EX] {
        refuse(libc::SYS_fcntl, vec![argument(1, Is::Eq, command as u64)?])?;
    }
    // A read-only descriptor suffices to set attributes of a file, and a terminal accepts simulated input.
    let harmless = HARMLESS_IOCTLS.iter().map(|request| argument(1, Is::Ne, *request));
    refuse(libc::SYS_ioctl, harmless.collect::<Result<_, _>>()?)?;
    // Limits may be read, but not set.
    let set = SeccompCondition::new(2, Length::Qword, Is::Ne, 0)?;
    refuse(libc::SYS_prlimit64, vec![set])?;
    refuse(libc::SYS_sched_setaffinity, vec![argument(0, Is::Ne, 0)?])?;
    Ok(rules)
}

fn argument(number: u8, is: Is, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(number, Length::Dword, is, value)
}

/// `libc` defines it for some targets only.
const F_SETOWN_EX: i32 = 15;

/// Calls of libraries about descriptors: whether they are a terminal and its size, how much can be read, whether they
/// block, and whether programs inherit them.
#[allow(clippy::unnecessary_cast)] // their type differs between C libraries
const HARMLESS_IOCTLS: &[u64] = &[
    libc::TCGETS as u64,
    libc::TIOCGWINSZ as u64,
    libc::FIONREAD as u64,
    libc::FIONBIO as u64,
    libc::FIOCLEX as u64,
    libc::FIONCLEX as u64,
];

/// Calls that no sandbox process needs.
#[rustfmt::skip]
const ALWAYS: &[c_long] = &[
    // The network, and sockets of this machine.
    libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4,
    // Programs.
    libc::SYS_execve, libc::SYS_execveat,
    // Other processes, their memory and descriptors.
    libc::SYS_tkill, libc::SYS_pidfd_send_signal, libc::SYS_pidfd_getfd, libc::SYS_ptrace,
    libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_process_madvise, libc::SYS_process_mrelease,
    libc::SYS_kcmp, libc::SYS_move_pages, libc::SYS_migrate_pages, libc::SYS_setpriority, libc::SYS_ioprio_set,
    libc::SYS_sched_setparam, libc::SYS_sched_setscheduler, libc::SYS_sched_setattr,
    // Permissions, owners, times and attributes of files, and locks for which others would wait.
    libc::SYS_fchmod, libc::SYS_fchmodat, SYS_FCHMODAT2, libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_utimensat,
    libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr,
    libc::SYS_removexattr, libc::SYS_lremovexattr, libc::SYS_fremovexattr,
    libc::SYS_flock, libc::SYS_mknodat,
    // Memory that no limit covers, or that outlives the process.
    libc::SYS_memfd_create, libc::SYS_memfd_secret, libc::SYS_userfaultfd, libc::SYS_mlockall,
    libc::SYS_shmget, libc::SYS_shmat, libc::SYS_shmctl, libc::SYS_msgget, libc::SYS_msgsnd, libc::SYS_msgrcv,
    libc::SYS_msgctl, libc::SYS_semget, libc::SYS_semop, libc::SYS_semctl, libc::SYS_semtimedop,
    libc::SYS_mq_open, libc::SYS_mq_unlink,
    // Calls that bypass any filter.
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    // Namespaces, mounts and file handles.
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot,
    libc::SYS_open_tree, libc::SYS_move_mount, libc::SYS_fsopen, libc::SYS_fsconfig, libc::SYS_fsmount,
    libc::SYS_fspick, libc::SYS_mount_setattr, libc::SYS_name_to_handle_at, libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init, libc::SYS_fanotify_mark, libc::SYS_quotactl, libc::SYS_quotactl_fd,
    // The machine.
    libc::SYS_setrlimit, libc::SYS_personality,
    libc::SYS_add_key, libc::SYS_request_key, libc::SYS_keyctl, libc::SYS_bpf, libc::SYS_perf_event_open,
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_kexec_load, libc::SYS_reboot,
    libc::SYS_swapon, libc::SYS_swapoff, libc::SYS_acct, libc::SYS_syslog, libc::SYS_vhangup,
    libc::SYS_sethostname, libc::SYS_setdomainname, libc::SYS_settimeofday, libc::SYS_clock_settime,
    libc::SYS_clock_adjtime, libc::SYS_adjtimex,
    #[cfg(target_arch = "x86_64")] libc::SYS_fork,
    #[cfg(target_arch = "x86_64")] libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")] libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")] libc::SYS_chown,
    #[cfg(target_arch = "x86_64")] libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")] libc::SYS_utime,
    #[cfg(target_arch = "x86_64")] libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")] libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")] libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")] libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")] libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")] libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")] libc::SYS_kexec_file_load,
];

/// Linux 6.6.
const SYS_FCHMODAT2: c_long = 452;
