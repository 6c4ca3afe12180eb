//! Who works the runs of a measurement: this process, or processes beside it, which are this program once more with the code of `hefe worker`.
//! While those work, this process has the database closed, so that it neither works nor hears what they change, and looks now and then how
//! many runs have ended. Each process hears of all that the others change, as servers and workers do.

use std::{
    io::BufRead,
    process::Command,
    time::{Duration, Instant},
};

use engine::{Engine, Publishes, Settings};
use recipe::Value;

use crate::{
    Failure, How,
    figures::Figures,
    inside::{self, Ends, Ground, Inside, Workers, Workflow},
    place,
    talk::{Psql, Talk},
};

/// By then each worker has renewed its lease, and knows that it is not alone.
pub(crate) const KNOWN: Duration = Duration::from_millis(5_500);

/// Between two looks how many have ended.
const LOOK_MIN: Duration = Duration::from_millis(2);
const LOOK_MAX: Duration = Duration::from_millis(50);

const ENDED: &str =
    "SELECT (SELECT succeeded FROM counters) + (SELECT coalesce(sum(succeeded), 0) FROM marks)";

/// A worker beside: works between the lines `work` and `rest`, until standard input closes.
pub(crate) fn serve(database: String) -> Result<Figures, Failure> {
    inside::runtime()?.block_on(async {
        let store = place::open_shared(database, None).await?;
        let engine =
            Engine::open(store, Settings { publishes: Publishes::Nothing, ..Settings::default() }).await?;
        println!("ready");
        let mut workers: Option<Workers> = None;
        for line in std::io::stdin().lock().lines() {
            match (line?.as_str(), workers.take()) {
                ("work", None) => workers = Some(inside::work(&engine)),
                ("rest", Some(working)) => {
                    working.stop().await?;
                    println!("rests");
                }
                (other, _) => return Err(format!("a worker does not know `{other}`").into()),
            }
        }
        engine.store().close().await?;
        Ok::<(), Failure>(())
    })?;
    Ok(Figures::default())
}

/// Workers beside.
pub(crate) struct Crew(Vec<Talk>);

impl Crew {
    pub(crate) fn start(database: &str, workers: u32) -> Result<Crew, Failure> {
        let own = std::env::current_exe()?;
        let start = |_| Talk::start(Command::new(&own).args(["--works-on", database]));
        let mut crew = Crew((0..workers).map(start).collect::<Result<_, Failure>>()?);
        crew.all_say("ready")?;
        Ok(crew)
    }

    fn all_say(&mut self, word: &str) -> Result<(), Failure> {
        self.0.iter_mut().try_for_each(|worker| match worker.hear()? {
            said if said == word => Ok(()),
            said => Err(format!("a worker said `{said}`").into()),
        })
    }

    pub(crate) fn work(&mut self) -> Result<(), Failure> {
        self.0.iter_mut().try_for_each(|worker| worker.say("work"))
    }

    /// What they are at is done or given back when this returns.
    pub(crate) fn rest(&mut self) -> Result<(), Failure> {
        self.0.iter_mut().try_for_each(|worker| worker.say("rest"))?;
        self.all_say("rests")
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        self.0.iter().map(Talk::process).collect()
    }
}

/// Who works.
pub(crate) enum Hands {
    /// This process.
    Here(Inside),
    /// Others, on what stands there.
    There(Ground, Crew, Psql),
}

impl Hands {
    /// As many as are wanted, on a database of its own.
    pub(crate) async fn open(how: &How, workflows: &[Workflow]) -> Result<Hands, Failure> {
        let ground = Ground::new(workflows)?;
        // What it publishes is what others work.
        let inside = ground.open(inside::Opened::default()).await?;
        Hands::over(how, inside).await
    }

    pub(crate) async fn over(how: &How, inside: Inside) -> Result<Hands, Failure> {
        let (Some(workers), Some(database)) = (how.workers, inside.ground.database.clone()) else {
            return Ok(Hands::Here(inside));
        };
        let ground = inside.close().await?;
        let crew = Crew::start(&database, workers)?;
        tokio::time::sleep(KNOWN).await;
        Ok(Hands::There(ground, crew, Psql::open(&database)?))
    }

    pub(crate) fn ground(&self) -> &Ground {
        match self {
            Hands::Here(inside) => &inside.ground,
            Hands::There(ground, ..) => ground,
        }
    }

    /// The processes that work.
    pub(crate) fn processes(&self) -> Vec<u32> {
        match self {
            Hands::Here(_) => vec![std::process::id()],
            Hands::There(_, crew, _) => crew.processes(),
        }
    }

    pub(crate) async fn fill(&self, workflow: &str, input: Value, count: usize) -> Result<(), Failure> {
        match self {
            Hands::Here(inside) => inside.fill(workflow, input, count).await,
            Hands::There(ground, ..) => {
                let inside = ground.open(inside::Opened::default()).await?;
                inside.fill(workflow, input, count).await?;
                inside.close().await.map(drop)
            }
        }
    }

    /// They begin.
    pub(crate) async fn work(&mut self) -> Result<Working<'_>, Failure> {
        match self {
            Hands::Here(inside) => {
                let ends = Ends::of(inside).await?;
                Ok(Working { begun: Instant::now(), by: By::Here(inside.work(), ends) })
            }
            Hands::There(_, crew, psql) => {
                let before = psql.number(ENDED)?;
                let begun = Instant::now();
                crew.work()?;
                Ok(Working { begun, by: By::There { crew, psql, before } })
            }
        }
    }

    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Hands::Here(inside) => inside.close().await.map(drop),
            Hands::There(..) => Ok(()),
        }
    }
}

/// They are at it.
pub(crate) struct Working<'a> {
    begun: Instant,
    by: By<'a>,
}

enum By<'a> {
    Here(Workers, Ends),
    There { crew: &'a mut Crew, psql: &'a mut Psql, before: f64 },
}

impl Working<'_> {
    /// Returns once so many runs have ended since they began, with how long ago that was.
    pub(crate) async fn reach(&mut self, count: usize) -> Result<Duration, Failure> {
        match &mut self.by {
            By::Here(_, ends) => ends.reach(count).await?,
            By::There { psql, before, .. } => reach(psql, *before, count, self.begun).await?,
        }
        Ok(self.begun.elapsed())
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        match self.by {
            By::Here(workers, _) => workers.stop().await,
            By::There { crew, .. } => crew.rest(),
        }
    }
}

/// Looks in ever shorter steps, so that looking costs little and the end is not missed.
async fn reach(psql: &mut Psql, before: f64, count: usize, begun: Instant) -> Result<(), Failure> {
    loop {
        let ended = psql.number(ENDED)? - before;
        let left = count as f64 - ended;
        if left <= 0.0 {
            return Ok(());
        }
        let pace = begun.elapsed().div_f64(ended.max(1.0));
        tokio::time::sleep(pace.mul_f64(left / 2.0).clamp(LOOK_MIN, LOOK_MAX)).await;
    }
}
