//! Where memory comes from.

use tikv_jemallocator::Jemalloc;

/// Blocks, batches, messages and pages go from thread to thread here: what is made on one is freed on another. Into Kafka,
/// glibc's allocator takes a sixth of all the work more for that, and it keeps a heap for each thread. What is written
/// in C, such as librdkafka, uses this one too.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// How it is set up; `MALLOC_CONF` in the environment wins.
///
/// One arena, since each would keep what others could use. What is free goes back to the system within half a second:
/// by itself it would be kept for ten, and a Parquet file would take 40 MiB more.
#[allow(unsafe_code, reason = "jemalloc finds its settings by this name")]
// SAFETY: nothing else has the name, and jemalloc reads it as what it is: a pointer to text that ends with a zero.
#[unsafe(export_name = "malloc_conf")]
#[used]
static SETTINGS: &[u8; 29] = b"narenas:1,dirty_decay_ms:500\0";
