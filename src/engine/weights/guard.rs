//! What becomes of a program whose mapped file is cut by another one.
//!
//! The system sends SIGBUS to whoever reads the missing part, which ends the process. A program that wants to go on
//! asks for [`survive_cut_files`]: then the missing pages read as zeros, [`cut_pages`] counts them, and whoever computed
//! with a mapped file asks before and after whether the numbers mean anything.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::Result;

/// Pages that were missing so far, in all mapped files.
static CUT_PAGES: AtomicU64 = AtomicU64::new(0);
/// Bytes of a page of memory.
static PAGE: AtomicUsize = AtomicUsize::new(0);

/// How many pages of mapped files were missing when they were read, since the program began. Numbers that were computed
/// while this grew are worthless.
pub fn cut_pages() -> u64 {
    CUT_PAGES.load(Ordering::SeqCst)
}

/// From now on a file that is cut while it is mapped reads as zeros instead of ending the process.
///
/// # Errors
/// The system refuses the signal handler.
#[cfg(unix)]
#[expect(unsafe_code, reason = "signal handlers and mappings are the system's, and it knows no Rust")]
pub fn survive_cut_files() -> Result<()> {
    use crate::error::Error;
    // SAFETY: asks a number of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    PAGE.store(usize::try_from(page).unwrap_or(4096), Ordering::SeqCst);
    // SAFETY: an all-zero sigaction is valid: no flags, an empty mask, the default handler.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = fill as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: the handler only stores numbers and makes system calls that are allowed inside a signal; it lives as long as
    // the program.
    let refused = unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) } != 0;
    if refused {
        let error = std::io::Error::last_os_error();
        return Err(Error::device(format!("signals cannot be received: {error}")));
    }
    Ok(())
}

/// Other systems keep mapped files from being cut.
#[cfg(not(unix))]
pub fn survive_cut_files() -> Result<()> {
    Ok(())
}

/// Puts an empty page where one is missing; what is no missing page ends the process as it always did.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a signal handler gets a raw pointer and answers with a system call")]
extern "C" fn fill(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the system passes a valid siginfo_t, as SA_SIGINFO asks for.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr()) };
    let page = PAGE.load(Ordering::SeqCst).max(1);
    let filled = code == libc::BUS_ADRERR && {
        let start = address.map_addr(|a| a - a % page);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: the page at this address belongs to a mapped file and holds nothing: reading it raised the signal.
        unsafe { libc::mmap(start, page, libc::PROT_READ, flags, -1, 0) != libc::MAP_FAILED }
    };
    if filled {
        CUT_PAGES.fetch_add(1, Ordering::SeqCst);
    } else {
        // SAFETY: with the default action the same instruction raises the signal again and ends the process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}
