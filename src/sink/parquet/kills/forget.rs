//! What a killed run has left, and a reset that takes it away, killed before each of its requests too, or while a run
//! stands still.

use super::*;
use crate::sink::parquet::Lake;

const LAYOUT: Layout = LAYOUTS[0];

/// `checkpoint reset --out`, as the command does it.
async fn reset(store: Arc<Gate>) -> Result<usize> {
    let bucket = store.lake();
    let claim = Claim::take(&bucket, Some("a")).await?;
    BucketStore::new(bucket.folder("_license-stream")).remove("a").await?;
    claim.forget().await
}

/// Resets until the `stop`-th writing request, and is killed there; whether it ended before.
async fn reset_until(store: &Arc<Shared>, stop: usize) -> bool {
    let gate = Gate::new(store, stop);
    gate.killed_or(reset(Arc::clone(&gate))).await.is_some()
}

/// There is no file but of complete snapshots, no checkpoint, and nothing is pending.
async fn assert_forgotten(store: &Arc<Shared>, what: &str) {
    let names = names(store).await;
    let manifests =
        names.iter().filter(|name| name.ends_with(".json") && !name.contains("checkpoint"));
    let files = names.iter().filter(|name| name.ends_with(".parquet")).count();
    assert_eq!(files, 3 * manifests.count(), "{what}: {names:?}");
    let bucket = Gate::new(store, usize::MAX).lake();
    assert_eq!(Lake::from(&bucket).pending().await.unwrap(), [""; 0], "{what}");
    let kept = BucketStore::new(bucket.folder("_license-stream")).peek("a").await.unwrap();
    assert!(kept.is_none(), "{what}");
}

#[tokio::test]
async fn whenever_runs_and_resets_are_killed_the_next_of_either_leaves_nothing_of_them() {
    for kind in KINDS {
        let mut kills = 0;
        'first: for first in 1.. {
            for second in 1.. {
                let what = format!("{kind:?}, killed before {first} and {second}");
                // A run after a reset that was killed, and another reset.
                let mut has_ended = false;
                for is_run in [true, false] {
                    let store = Arc::new(Shared::of(kind));
                    if killed_at(&store, LAYOUT, first).await {
                        break 'first;
                    }
                    has_ended = reset_until(&store, second).await;
                    if is_run {
                        assert!(killed_at(&store, LAYOUT, usize::MAX).await);
                        assert_whole(&store, LAYOUT, &what).await;
                    } else {
                        assert!(reset_until(&store, usize::MAX).await);
                        assert_forgotten(&store, &what).await;
                    }
                    assert_no_uploads(&store, 2, &what).await;
                    kills += 2;
                }
                if has_ended {
                    break;
                }
            }
        }
        assert!(kills > 200, "{kills}");
    }
}

#[tokio::test]
async fn a_run_that_is_reset_under_way_fails_and_makes_nothing_pending_again() {
    for kind in KINDS {
        let mut overtaken = 0;
        for stop in 1.. {
            let store = Arc::new(Shared::of(kind));
            let gate = Gate::new(&store, stop);
            let run = run(Arc::clone(&gate), LAYOUT);
            tokio::pin!(run);
            if gate.stands_or(run.as_mut()).await.is_some() {
                break;
            }
            let what = format!("{kind:?}, reset before {stop}");
            assert!(reset_until(&store, usize::MAX).await);
            gate.steps.goes_on.notify_one();
            if run.await.is_err() {
                overtaken += 1;
                assert_forgotten(&store, &what).await;
            }
            assert!(killed_at(&store, LAYOUT, usize::MAX).await, "{what}");
            assert_whole(&store, LAYOUT, &what).await;
            assert_no_uploads(&store, 0, &what).await;
        }
        assert!(overtaken > 5, "{overtaken}");
    }
}
