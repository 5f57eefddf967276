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
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::args::{Command, ReportArgs, RunArgs, ScheduleArgs};
use crate::exit::Exit;
use crate::job::Job;
use crate::report::{chain, print_error};
use crate::screen::say;
use crate::signal::{Signal, Signals};
use crate::{check, kafka, ndjson, parquet};
use outcome::{End, Ended, Outcome, tell_next};
use plan::{Plan, Planned};
use schedule::Schedule;

pub(crate) async fn run(args: RunArgs) -> anyhow::Result<Exit> {
    let plan = Plan::new(&args)?;
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
    let runner = Runner { plan, report: args.report, signals: Signals::of_process()? };
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
        let mut tasks: Vec<(&Planned, JoinHandle<Ended>)> = Vec::new();
        for planned in &self.plan.jobs {
            let room = Arc::clone(&room).acquire_owned().await;
            let job = Job::new(&planned.name, &self.signals, at_once > 1);
            let (planned_too, report, signals) =
                (planned.clone(), self.report, self.signals.clone());
            // A task of its own: what goes wrong in one job is none of the others' business.
            let task = tokio::spawn(async move {
                let ended = run_job(&planned_too, job, report, &signals).await;
                drop(room);
                ended
            });
            tasks.push((planned, task));
        }
        let mut jobs = Vec::new();
        for (planned, task) in tasks {
            jobs.push(task.await.unwrap_or_else(|_| Ended {
                name: planned.name.clone(),
                to: planned.to.name(),
                end: End::Failed(Exit::Failed, "the job has panicked: this is a bug".to_owned()),
                elapsed: begun.elapsed(),
                summary: None,
            }));
        }
        Outcome { run, jobs, elapsed: begun.elapsed() }
    }
}

async fn run_job(planned: &Planned, job: Arc<Job>, report: ReportArgs, signals: &Signals) -> Ended {
    let begun = Instant::now();
    let end = match (signals.first(), planned.command(report)) {
        (Some(signal), _) => End::NotBegun(signal),
        (None, Err(error)) => failed(&error.into()),
        (None, Ok(command)) => Job::scope(Some(Arc::clone(&job)), run_command(command)).await,
    };
    Ended {
        name: planned.name.clone(),
        to: planned.to.name(),
        end,
        elapsed: begun.elapsed(),
        summary: job.take_summary(),
    }
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
    let told = match error.downcast_ref() {
        Some(error) => chain(error),
        None => format!("{error:#}"),
    };
    End::Failed(Exit::of(error), told)
}
