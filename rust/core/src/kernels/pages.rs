//! Large pages of memory, where the system has them for those who ask.

/// Asks for large pages for room that was not touched yet: to be given 512 small ones takes longer than to fill them. Where
/// there are none, nothing changes.
pub fn large_pages<T>(room: &mut [T]) {
    #[cfg(target_os = "linux")]
    {
        const SMALL: usize = 4096;
        let bytes = size_of_val(room);
        let start = room.as_mut_ptr().cast::<u8>();
        let skipped = start.align_offset(SMALL).min(bytes);
        // SAFETY: what is advised of lies in the room, and the advice changes no byte of it.
        unsafe { libc::madvise(start.add(skipped).cast(), bytes - skipped, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = room;
}
