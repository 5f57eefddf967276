//! `license-stream run`: the jobs of a file, once or again and again.

mod file;
mod given;
pub(crate) mod keys;
mod outcome;
mod plan;
mod print;
pub(crate) mod schedule;
pub(crate) mod schema;
mod text;
mod yaml;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::args::{Command, ReportArgs, RunArgs, ScheduleArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::Job;
use crate::metrics::{Board, Seen, Server};
use crate::report::{print_error, told};
use crate::screen::say;
use crate::signal::{Signal, Signals};
use crate::{check, kafka, ndjson, parquet};
use outcome::{End, Ended, Outcome, tell_next};
use plan::{Plan, Planned};
use schedule::Schedule;

pub(crate) async fn run(args: RunArgs, failure: &mut Failure) -> anyhow::Result<Exit> {
    let plan = Plan::new(&args)?;
    failure.set_stdout(plan.is_stdout());
    plan.check(&args)?;
    if args.print_config {
        std::io::stdout().write_all(print::text(&plan)?.as_bytes())?;
        return Ok(Exit::Done);
    }
    if args.check {
        let mut findings = check::Findings::new(args.report);
        for job in &plan.jobs {
            findings.begin_job(&job.name);
            check::probe(&job.command(args.report)?, &mut findings).await;
        }
        return Ok(findings.exit());
    }
    let signals = Signals::of_process()?;
    let looked_at = match plan.metrics {
        Some(address) => Some(LookedAt::listen(address, &plan, &args, &signals)?),
        None => None,
    };
    let runner = Runner { plan, report: args.report, signals, looked_at };
    match args.schedule {
        ScheduleArgs { every: Some(every), jitter } => {
            Ok(runner.repeat(Schedule::new(every, jitter)).await)
        }
        ScheduleArgs { every: None, .. } => Ok(runner.once().await),
    }
}

/// What runs jobs.
struct Runner {
    plan: Plan,
    report: ReportArgs,
    signals: Signals,
    looked_at: Option<LookedAt>,
}

/// Where others can look at the jobs, from before the first run until after the last.
struct LookedAt {
    /// By the plan's jobs.
    seen: Vec<Arc<Seen>>,
    board: Arc<Board>,
    _server: Server,
}

impl LookedAt {
    fn listen(
        address: SocketAddr,
        plan: &Plan,
        args: &RunArgs,
        signals: &Signals,
    ) -> license_stream::Result<Self> {
        let mut seen = Vec::new();
        for job in &plan.jobs {
            let sink = match job.command(args.report)? {
                Command::Parquet(args) => args.form.sink(),
                _ => job.to.name(),
            };
            seen.push(Seen::of_job(&job.name, sink));
        }
        let is_repeated = args.schedule.every.is_some();
        let board = Arc::new(Board::of_jobs(seen.clone(), is_repeated, signals.stop()));
        let server = Server::listen(address, Arc::clone(&board), args.report)?;
        Ok(Self { seen, board, _server: server })
    }
}

impl Runner {
    async fn once(&self) -> Exit {
        let outcome = self.run(1).await;
        if self.report.json {
            outcome.print_json(self.plan.is_stdout(), None);
        } else if !self.report.quiet && outcome.jobs.len() > 1 {
            say!("{}", outcome.words());
        }
        outcome.exit()
    }

    /// Runs the jobs whenever a time has come, until a signal does. One that comes while they run stops them, and
    /// the exit is theirs; one that comes in between has nothing to stop.
    async fn repeat(&self, mut schedule: Schedule) -> Exit {
        let mut last = match schedule.begins_at_once() {
            true => Some(self.run(1).await),
            false => None,
        };
        loop {
            let stopped = self.signals.first();
            let next = if stopped.is_some() { None } else { schedule.next() };
            if let (Some(outcome), true) = (&last, self.report.json) {
                let at = next.as_ref().map(|next| next.at);
                outcome.print_json(self.plan.is_stdout(), Some((outcome.run, at)));
            }
            let Some(next) = next else {
                if let (Some(outcome), false) = (&last, self.report.quiet || self.report.json) {
                    say!("run {}: {}", outcome.run, outcome.words());
                }
                let exit = last.map_or(Exit::Done, |outcome| outcome.exit());
                return stopped.map_or(exit, |signal| exit.worse(Exit::Stopped(signal)));
            };
            if let Some(it) = &self.looked_at {
                it.board.wait_until(next.at.into(), next.missed, last.is_none());
            }
            if !self.report.quiet && !self.report.json {
                tell_next(last.as_ref(), next.at, next.missed);
            }
            let stop = self.signals.stop();
            tokio::select! {
                () = next.come() => {}
                () = stop.cancelled() => return self.stopped(last.as_ref()),
            }
            let run = last.map_or(0, |outcome| outcome.run) + 1;
            last = Some(self.run(run).await);
        }
    }

    /// A signal came while nothing ran.
    fn stopped(&self, last: Option<&Outcome>) -> Exit {
        let signal = self.signals.first().unwrap_or(Signal::Terminate);
        if !self.report.quiet && !self.report.json {
            let last = match last {
                Some(outcome) => format!("the last run was {}, {}", outcome.run, outcome.words()),
                None => "there was no run yet".to_owned(),
            };
            say!("stopped by {} between two runs; {last}", signal.name());
        }
        Exit::Stopped(signal)
    }

    /// Runs all jobs, so many at once as there may be, in the order of the file.
    async fn run(&self, run: u64) -> Outcome {
        let begun = Instant::now();
        let room = Arc::new(Semaphore::new(self.plan.concurrency));
        let at_once = self.plan.concurrency.min(self.plan.jobs.len());
        let mut tasks: Vec<(&Planned, Arc<Job>, JoinHandle<Ended>)> = Vec::new();
        for (place, planned) in self.plan.jobs.iter().enumerate() {
            let room = Arc::clone(&room).acquire_owned().await;
            let seen = self.looked_at.as_ref().map(|it| Arc::clone(&it.seen[place]));
            let job = Job::new(&planned.name, &self.signals, at_once > 1, seen);
            let (planned_too, report, signals) =
                (planned.clone(), self.report, self.signals.clone());
            let for_it = Arc::clone(&job);
            // A task of its own: what goes wrong in one job is none of the others' business.
            // In a log, too, each event is of its job.
            let span = tracing::error_span!("job", job = planned.name);
            let work = async move {
                let ended = run_job(&planned_too, for_it, report, &signals).await;
                drop(room);
                ended
            };
            let task = tokio::spawn(work.instrument(span));
            tasks.push((planned, job, task));
        }
        let mut jobs = Vec::new();
        for (planned, job, task) in tasks {
            jobs.push(task.await.unwrap_or_else(|_| {
                let message = "the job has panicked: this is a bug".to_owned();
                let end = End::Failed(Exit::Failed, message);
                ended(planned, &job, end, begun.elapsed())
            }));
        }
        Outcome { run, jobs, elapsed: begun.elapsed() }
    }
}

async fn run_job(planned: &Planned, job: Arc<Job>, report: ReportArgs, signals: &Signals) -> Ended {
    let begun = Instant::now();
    if let Some(seen) = job.seen() {
        seen.begin();
    }
    let end = match (signals.first(), planned.command(report)) {
        (Some(signal), _) => End::NotBegun(signal),
        (None, Err(error)) => failed(&error.into()),
        (None, Ok(command)) => Job::scope(Some(Arc::clone(&job)), run_command(command)).await,
    };
    ended(planned, &job, end, begun.elapsed())
}

/// A job that has ended so, told to those who look.
fn ended(planned: &Planned, job: &Job, end: End, elapsed: Duration) -> Ended {
    if let Some(seen) = job.seen() {
        seen.end(end.as_str(), elapsed);
    }
    let (name, to) = (planned.name.clone(), planned.to.name());
    Ended { name, to, end, elapsed, summary: job.take_summary() }
}

async fn run_command(command: Command) -> End {
    let ran = match command {
        Command::Parquet(args) => parquet::run(args).await,
        Command::Kafka(args) => kafka::run(*args).await,
        Command::Ndjson(args) => ndjson::run(args).await,
        _ => Ok(Exit::Done),
    };
    ran.map_or_else(|error| failed(&error), End::Ran)
}

/// What kept a job from beginning is told as it is of a command.
fn failed(error: &anyhow::Error) -> End {
    print_error(error);
    End::Failed(Exit::of(error), told(error))
}
