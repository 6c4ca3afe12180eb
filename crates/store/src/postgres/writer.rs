//! The one task that writes. It takes whatever waits, never waits for more, commits it in one transaction, and only then tells
//! anyone. It outlives its connection: a transaction whose end it did not hear of is looked for by its mark.
//!
//! ```text
//! orders -> transaction -> committed: published, told
//!              |  \-> refused: told
//!              \-> connection lost -> connected again -> its mark is there: published, told
//!                                                    \-> it is not: the same once more
//! ```

use std::{ops::AsyncFnMut, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use tokio_postgres::types::Type;

use super::{
    Shared, batch,
    link::{Done, Fault, Link, Val},
    lock,
    tx::{After, Tally, Tx},
};
use crate::{Commit, Error, Id, NewRun, Started, Status, probe::Point};

/// Submissions in one transaction.
const BATCH_MAX: usize = 1_024;

/// Deadlocks and the like after which a transaction is given up.
const AGAIN_MAX: u32 = 20;

/// Between two tries to connect.
const RECONNECT: Duration = Duration::from_millis(200);

/// So long a transaction waits for a database that has gone away: what waits for it is told then, and the lease is about to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sent with the commit. It is prepared before: else it would be sent once the server has answered to that, and the commit before it.
const MARK: &str =
    "INSERT INTO marks (worker, n, accepted, succeeded, failed, cancelled) VALUES ($1, $2, $3, $4, $5, $6)";

pub(super) enum Order {
    Commit(Box<Commit>, oneshot::Sender<Result<(), Error>>),
    /// A start that nothing but its id decides on.
    Start(Box<NewRun>, oneshot::Sender<Result<Started, Error>>),
    /// A claimed run goes back to its lane.
    Release(Id, u64),
    /// Whatever else is decided in a transaction of its own.
    Ask(Box<dyn Ask>),
    Close(oneshot::Sender<Result<(), Error>>),
}

pub(super) type Asking<'a> = Pin<Box<dyn Future<Output = Done<()>> + 'a>>;

/// A question to the store whose answer is told once it is durable.
pub(super) trait Ask: Send {
    /// In the transaction; once more, if that did not come to its end.
    fn apply<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> Asking<'a>;
    fn tell(self: Box<Self>, done: Result<(), Error>);
}

/// What is done for it, and who waits for the answer.
pub(super) struct Asked<T, F> {
    pub(super) ask: F,
    pub(super) answer: Option<T>,
    pub(super) tell: oneshot::Sender<Result<T, Error>>,
}

impl<T: Send, F: AsyncFnMut(&mut Tx<'_>) -> Done<T> + Send> Ask for Asked<T, F> {
    fn apply<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> Asking<'a> {
        Box::pin(async move {
            self.answer = Some((self.ask)(tx).await?);
            Ok(())
        })
    }

    fn tell(self: Box<Self>, done: Result<(), Error>) {
        let Asked { answer, tell, .. } = *self;
        // Nobody waiting is no failure.
        let _ = tell.send(done.and_then(|()| answer.ok_or(Error::Closed)));
    }
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) link: Option<Link>,
    pub(super) n: i64,
    /// The newest transaction's.
    pub(super) mark: (i64, i64),
}

impl Writer {
    pub(super) async fn work(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        while let Some(first) = orders.recv().await {
            let mut taken = vec![first];
            while taken.len() < BATCH_MAX
                && let Ok(order) = orders.try_recv()
            {
                taken.push(order);
            }
            let mut plain = Vec::new();
            for order in taken {
                match order {
                    Order::Ask(ask) => {
                        self.batch(std::mem::take(&mut plain)).await;
                        self.ask(ask).await;
                    }
                    Order::Close(tell) => {
                        self.batch(std::mem::take(&mut plain)).await;
                        let _ = tell.send(self.close().await);
                        return;
                    }
                    order => plain.push(order),
                }
            }
            self.batch(plain).await;
        }
    }

    async fn ask(&mut self, mut ask: Box<dyn Ask>) {
        let done = self.transaction(async |tx| ask.apply(tx).await).await;
        ask.tell(done.map(|((), after)| self.publish(after)));
    }

    /// What is submitted goes together; if that is refused, each for itself.
    async fn batch(&mut self, batch: Vec<Order>) {
        if batch.is_empty() {
            return;
        }
        let taken = Point::BeforeCommit.enter();
        match self.transaction(async |tx| batch::write(tx, &batch).await).await {
            Ok((results, after)) => {
                let _durable = Point::AfterCommit.enter();
                self.publish(after);
                batch.into_iter().zip(results).for_each(|(order, result)| self.tell(order, result));
            }
            Err(error) if batch.len() == 1 || error.is_outage() || error == Error::Closed => {
                batch.into_iter().for_each(|order| self.tell(order, Err(error.clone())));
            }
            Err(_) => {
                for order in batch {
                    let alone = [order];
                    let done = self.transaction(async |tx| batch::write(tx, &alone).await).await;
                    let [order] = alone;
                    let result = done.and_then(|(mut results, after)| {
                        self.publish(after);
                        results.pop().unwrap_or(Err(Error::Closed))
                    });
                    self.tell(order, result);
                }
            }
        }
        drop(taken);
    }

    fn tell(&self, order: Order, result: Result<(), Error>) {
        match order {
            Order::Commit(commit, tell) => {
                if result.is_err() {
                    lock(&self.shared.held).poison(commit.run, commit.epoch);
                }
                let _ = tell.send(result);
            }
            Order::Start(new, tell) => {
                let started = Started { id: new.id, status: Status::Queued, existing: false };
                let _ = tell.send(result.map(|()| started));
            }
            Order::Release(run, epoch) => {
                if result.is_err() {
                    // It is in nobody's hands here; the worker's own look gives it back.
                    lock(&self.shared.held).let_go(run, epoch);
                }
            }
            Order::Ask(_) | Order::Close(_) => {}
        }
    }

    fn publish(&self, after: After) {
        self.shared.confirmed.store(self.n, std::sync::atomic::Ordering::Relaxed);
        self.shared.publish(after);
    }

    /// A transaction to its end, over lost connections and deadlocks.
    pub(super) async fn transaction<T>(
        &mut self,
        mut work: impl AsyncFnMut(&mut Tx<'_>) -> Done<T>,
    ) -> Result<(T, After), Error> {
        let patience = Instant::now() + PATIENCE;
        let mut again = 0;
        loop {
            let link = match self.link(patience).await {
                Ok(link) => link,
                Err(error) => return Err(self.shared.refused(error)),
            };
            self.n += 1;
            self.mark = (self.shared.worker(), self.n);
            let done = attempt(&link, &self.shared, (self.mark, again > 0), &mut work).await;
            match done {
                Ok(done) => {
                    self.link = Some(link);
                    self.shared.goes_on();
                    return Ok(done);
                }
                Err(Failed::Before(fault)) => {
                    if !matches!(fault, Fault::Lost(_)) && link.simple("ROLLBACK").await.is_ok() {
                        self.link = Some(link);
                    }
                    match fault {
                        Fault::Lost(why) if Instant::now() > patience => {
                            return Err(self.shared.refused(Error::Unavailable(why)));
                        }
                        Fault::Lost(_) => {}
                        Fault::Day(day) => self.make_day(day).await?,
                        Fault::Again if again < AGAIN_MAX => again += 1,
                        fault => return Err(self.shared.refused(fault.told())),
                    }
                }
                Err(Failed::During(answer, after)) => match self.was_committed(patience).await? {
                    true => return Ok((answer, *after)),
                    false => continue,
                },
            }
        }
    }

    /// The connection; a new one if it is gone.
    async fn link(&mut self, patience: Instant) -> Result<Link, Error> {
        loop {
            if let Some(link) = self.link.take().filter(|link| !link.is_gone()) {
                return Ok(link);
            }
            let connected = async {
                let link = self.shared.connect().await?;
                link.prepare(MARK, &[Type::INT8; 6]).await.map(|()| link)
            };
            match connected.await {
                Ok(link) => return Ok(link),
                Err(fault) if Instant::now() > patience => return Err(fault.told()),
                Err(_) => tokio::time::sleep(RECONNECT).await,
            }
        }
    }

    /// Whether the newest transaction was committed, whose end nobody heard of. Its mark cannot be made twice: while the server still
    /// works on it this waits, and once this has made the mark it can never be committed.
    async fn was_committed(&mut self, patience: Instant) -> Result<bool, Error> {
        loop {
            let link = self.link(patience).await.map_err(|error| self.shared.refused(error))?;
            let sql = "INSERT INTO marks (worker, n, accepted, succeeded, failed, cancelled) VALUES ($1, $2, 0, 0, 0, 0) ON CONFLICT DO NOTHING";
            if let Ok(made) = link.run(sql, &[&self.mark.0, &self.mark.1]).await {
                self.link = Some(link);
                return Ok(made == 0);
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }

    async fn make_day(&mut self, day: i32) -> Result<(), Error> {
        let link = self.shared.connect().await.map_err(Fault::told)?;
        super::prune::make_day(&link, day).await.map_err(Fault::told)?;
        lock(&self.shared.days).insert(day);
        Ok(())
    }

    /// Gives everything back, and goes.
    async fn close(&mut self) -> Result<(), Error> {
        let done = self.transaction(async |tx| tx.sign_off().await).await;
        self.shared.close();
        self.link = None;
        done.map(drop)
    }
}

/// Where a transaction failed.
enum Failed<T> {
    /// It is not committed.
    Before(Fault),
    /// It may be.
    During(T, Box<After>),
}

async fn attempt<T>(
    link: &Link,
    shared: &Shared,
    ((worker, n), looks): ((i64, i64), bool),
    work: &mut impl AsyncFnMut(&mut Tx<'_>) -> Done<T>,
) -> Result<(T, After), Failed<T>> {
    let mut tx = Tx::new(link, shared, looks);
    let worked = async {
        let answer = work(&mut tx).await?;
        tx.flush_bars().await?;
        tx.ask_doomed().await?;
        tx.flush_bars().await?;
        tx.feed().await?;
        Ok(answer)
    };
    // Sent together: whoever is polled first is first.
    let (begun, worked) = futures_util::future::join(link.begin(), worked).await;
    let answer = begun.and(worked).map_err(Failed::Before)?;
    let _committing = Point::InCommit.enter();
    let Tally { accepted, ended: [succeeded, failed, cancelled] } = tx.after.tally;
    let vals: [&dyn Val; 6] = [&worker, &n, &accepted, &succeeded, &failed, &cancelled];
    // Without its mark nothing is committed: a transaction in which it failed cannot be.
    match futures_util::future::join(link.run(MARK, &vals), link.simple("COMMIT")).await {
        (Ok(_), Ok(())) => Ok((answer, tx.after)),
        (Err(Fault::Lost(_)), _) | (_, Err(Fault::Lost(_))) => {
            Err(Failed::During(answer, Box::new(tx.after)))
        }
        (Err(fault), _) | (_, Err(fault)) => Err(Failed::Before(fault)),
    }
}
