//! What telling others costs whoever starts runs: 16 at once where there is no other process, where there is one that must be told but is not
//! there to listen (a row among the workers), and where one is there and hears all of it on the same machine. In turns, on one database.

use std::time::Duration;

use crate::{
    Failure,
    crew::Crew,
    enqueue,
    figures::{Figures, median},
    inside::{Ground, Opened},
    talk::Psql,
    works,
};

const ROUNDS: usize = 5;

/// Nothing on SQLite, where nobody is told.
pub(crate) async fn measure(figures: &mut Figures, window: Duration) -> Result<(), Failure> {
    let ground = Ground::new(&works::all())?;
    let Some(database) = ground.database.clone() else { return Ok(()) };
    let (mut alone, mut told, mut heard) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let all = [starts(&ground, window).await?, to_nobody(&ground, &database, window).await?, {
            let _hears = Crew::start(&database, 1)?;
            starts(&ground, window).await?
        }];
        // The first is a warm-up.
        if round > 0 {
            alone.push(all[0]);
            told.push(all[1]);
            heard.push(all[2]);
        }
    }
    let ratio = |of: &[f64]| median(of.iter().zip(&alone).map(|(of, alone)| of / alone).collect());
    figures.add("sixteen_told_ratio", ratio(&told), "ratio");
    figures.add("sixteen_heard_ratio", ratio(&heard), "ratio");
    figures.add("sixteen_alone_per_s", median(alone), "1/s");
    figures.add("sixteen_told_per_s", median(told), "1/s");
    figures.add("sixteen_heard_per_s", median(heard), "1/s");
    Ok(())
}

async fn to_nobody(ground: &Ground, database: &str, window: Duration) -> Result<f64, Failure> {
    let mut psql = Psql::open(database)?;
    let worker = psql.ask(
        "INSERT INTO workers (lease_until, name) VALUES (now() + interval '1 hour', 'nobody') RETURNING worker",
    )?;
    let per_s = starts(ground, window).await?;
    psql.ask(&format!("DELETE FROM workers WHERE worker = {worker} RETURNING worker"))?;
    Ok(per_s)
}

/// Whoever opens the database knows at once whether there are others.
async fn starts(ground: &Ground, window: Duration) -> Result<f64, Failure> {
    let inside = ground.open(Opened::default()).await?;
    let per_s = enqueue::at_once(&inside.engine, 16, window, 1).await?;
    inside.close().await?;
    Ok(median(per_s))
}
