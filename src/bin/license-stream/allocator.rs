//! How the C library's allocator is set up.

/// Bounds how many heaps the allocator keeps side by side. Must be called before any thread is started.
///
/// By itself glibc gives up to eight heaps a core to threads, and each keeps what its threads have freed.
/// Here blocks, batches and pages go from thread to thread, so that every heap would grow to the size
/// of what is under way: a body of 844 MB took 145 MiB into Parquet on two cores, and takes 86 with a heap
/// a core, no slower. What the environment says about it wins.
pub(crate) fn bound_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let is_set = |name| std::env::var_os(name).is_some();
        if is_set("MALLOC_ARENA_MAX") || is_set("GLIBC_TUNABLES") {
            return;
        }
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let heaps = i32::try_from(cores.max(2)).unwrap_or(i32::MAX);
        #[allow(unsafe_code, reason = "glibc has no other way to say it from inside of a program")]
        // SAFETY: only a number is set, and no other thread is there yet that could allocate meanwhile.
        // It cannot do harm either where it is refused: the allocator is then as it was.
        let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, heaps) };
    }
}
