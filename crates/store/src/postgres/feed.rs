//! What other processes have changed, and what has become ready there. A notification says only that there is something; what it is
//! lies in a table that a crash may empty: whoever missed something reads the states. Where notifications do not come through, the
//! table is looked at five times a second.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    sync::atomic::Ordering,
    time::Duration,
};

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio_postgres::AsyncMessage;

use super::{
    Shared,
    link::{Done, Fault, Link, get},
    lock, open,
    tx::{Place, Tx},
};
use crate::{
    Change, Changes, Id,
    forms::{blob, blob_of},
};

/// Between two notifications of one process.
const PACE: Duration = Duration::from_millis(5);

/// Between two looks where no notification comes through.
pub(super) const POLL: Duration = Duration::from_millis(200);

/// After the connection was lost.
const AGAIN: Duration = Duration::from_millis(500);

/// What one notification says at most, bytes; more than that, and all is looked for.
const SAYS_MAX: usize = 7_000;

/// A number that is missed so long was never committed.
const GAP: Duration = Duration::from_secs(5);

const CHANNEL: &str = "hefe";

/// Any line at a host may go on.
const LINES: &str = "!";

impl Tx<'_> {
    /// What has changed, for other processes, if there are any.
    pub(super) async fn feed(&mut self) -> Done<()> {
        if self.after.changes.is_empty() || !self.shared.others.load(Ordering::Relaxed) {
            return Ok(());
        }
        let sql = "INSERT INTO feed (worker, body) VALUES ($1, $2)";
        self.run(sql, &[&self.shared.worker(), &blob(&self.after.changes)?]).await.map(drop)
    }
}

/// What is to be told to other processes.
#[derive(Default)]
pub(super) struct News {
    places: BTreeMap<(i32, i32), Id>,
    changes: bool,
    /// Who is to ask for its turn again.
    bells: BTreeSet<Id>,
}

impl News {
    pub(super) fn note(&mut self, places: &[Place], changes: bool) {
        for place in places {
            let low = self.places.entry((place.lane, place.prio)).or_insert(place.run);
            *low = (*low).min(place.run);
        }
        self.changes |= changes;
    }

    pub(super) fn ring(&mut self, who: impl Iterator<Item = Id>) {
        self.bells.extend(who);
    }

    fn says(self, worker: i64) -> String {
        let mut text = format!("{worker}");
        for ((lane, prio), low) in &self.places {
            text.push_str(&format!(" {lane}:{prio}:{:x}", low.0));
        }
        for who in &self.bells {
            text.push_str(&format!(" !{:x}", who.0));
        }
        if text.len() > SAYS_MAX { format!("{worker} *") } else { text }
    }
}

/// Said by a process that goes: something may be ready, and lines at hosts may go on.
pub(super) fn all_moved(worker: i64) -> String {
    format!("{worker} * {LINES}")
}

/// Tells other processes, at most so often.
pub(super) async fn tell(shared: Arc<Shared>) {
    let mut link: Option<Link> = None;
    while !shared.is_closed() {
        tokio::select! {
            () = shared.news_came.notified() => {}
            () = shared.closing.notified() => return,
        }
        let news = std::mem::take(&mut *lock(&shared.news));
        if !shared.others.load(Ordering::Relaxed) {
            continue;
        }
        let says = news.says(shared.worker());
        let sent = async {
            let open = match link.take().filter(|link| !link.is_gone()) {
                Some(open) => open,
                None => shared.connect().await?,
            };
            open.run("SELECT pg_notify('hefe', $1)", &[&says]).await?;
            link = Some(open);
            Ok::<(), Fault>(())
        };
        // One that is lost is made up for by the look that comes anyway.
        let _ = sent.await;
        tokio::time::sleep(PACE).await;
    }
}

/// Hears of other processes, until the store is closed.
pub(super) async fn hear(shared: Arc<Shared>) {
    let mut place = Heard { low: shared.feed_begins, ..Heard::default() };
    while !shared.is_closed() {
        let heard = async {
            match shared.pooled {
                true => look_again_and_again(&shared, &mut place).await,
                false => listen(&shared, &mut place).await,
            }
        };
        tokio::select! {
            _ = heard => {}
            () = shared.closing.notified() => return,
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn look_again_and_again(shared: &Shared, place: &mut Heard) -> Done<()> {
    let link = shared.connect().await?;
    begun(shared, place);
    loop {
        read(shared, &link, place).await?;
        if shared.others.load(Ordering::Relaxed) {
            lock(&shared.lanes).stale = true;
            shared.ready.notify_one();
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn listen(shared: &Shared, place: &mut Heard) -> Done<()> {
    let (client, mut connection) = shared.address.connect().await?;
    let (said, mut says) = mpsc::unbounded_channel();
    let drive = async move {
        let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(note) = message {
                let _ = said.send(note.payload().to_owned());
            }
        }
    };
    let link = Link::of(client);
    let work = async {
        link.simple(&format!("LISTEN {CHANNEL}")).await?;
        begun(shared, place);
        loop {
            // What came before anybody listened is read too.
            read(shared, &link, place).await?;
            let Some(first) = says.recv().await else {
                return Err(Fault::Lost("the connection is gone".into()));
            };
            shared.heard(&first);
            while let Ok(next) = says.try_recv() {
                shared.heard(&next);
            }
        }
    };
    tokio::select! {
        done = work => done,
        () = drive => Err(Fault::Lost("the connection is gone".into())),
    }
}

/// How far the feed has been read.
#[derive(Default)]
struct Heard {
    /// All up to there.
    low: i64,
    /// Beyond it, with when they were read.
    beyond: BTreeMap<i64, tokio::time::Instant>,
    /// Somebody has listened before.
    begun: bool,
}

/// What was said before anybody listened is made up for: where something is ready is looked for. Where the connection was lost the database
/// may have crashed, which empties the feed: what was in it is in the rows, where those who listen here look again.
fn begun(shared: &Shared, place: &mut Heard) {
    if std::mem::replace(&mut place.begun, true) {
        shared.missed();
    }
    lock(&shared.lanes).stale = true;
    shared.ready.notify_one();
}

/// The last number in it.
pub(super) async fn newest(link: &Link) -> Done<i64> {
    let row = link.one("SELECT coalesce(max(n), 0) FROM feed", &[]).await?;
    Ok(row.map(|row| get(&row, 0)).transpose()?.unwrap_or_default())
}

/// Passes on what others have changed, in order.
async fn read(shared: &Shared, link: &Link, place: &mut Heard) -> Done<()> {
    let sql = "SELECT n, worker, body FROM feed WHERE n > $1 ORDER BY n LIMIT 1000";
    let mut after = place.low;
    loop {
        let rows = link.rows(sql, &[&after]).await?;
        for row in &rows {
            let (n, worker): (i64, i64) = (get(row, 0)?, get(row, 1)?);
            after = n;
            if place.beyond.contains_key(&n) {
                continue;
            }
            place.beyond.insert(n, tokio::time::Instant::now());
            if worker == shared.worker() {
                continue;
            }
            // One that a newer binary wrote is passed over.
            if let Ok(changes) = blob_of::<Vec<(u64, Change)>>(get(row, 2)?) {
                shared.pass_on(changes);
            }
        }
        if rows.len() < 1_000 {
            place.go_on();
            return Ok(());
        }
    }
}

impl Heard {
    /// Numbers that were missed may still come, for a while.
    fn go_on(&mut self) {
        while let Some((n, at)) = self.beyond.first_key_value().map(|(n, at)| (*n, *at)) {
            if n > self.low + 1 && at.elapsed() < GAP {
                return;
            }
            self.low = n;
            self.beyond.pop_first();
        }
    }
}

impl Shared {
    /// A notification of another process.
    fn heard(&self, says: &str) {
        let mut words = says.split(' ');
        if words.next().and_then(|worker| worker.parse().ok()) == Some(self.worker()) {
            return;
        }
        let mut places = BTreeSet::new();
        for word in words {
            match (word, word.strip_prefix(LINES).map(|who| u128::from_str_radix(who, 16))) {
                (LINES, _) => self.lines_moved(),
                (_, Some(Ok(who))) => self.bells.ring(Id(who)),
                _ => match place(word) {
                    Some(place) => drop(places.insert(place)),
                    None => {
                        lock(&self.lanes).stale = true;
                        self.bells.ring_all();
                    }
                },
            }
        }
        self.others.store(true, Ordering::Relaxed);
        self.note_ready(places);
        self.ready.notify_one();
    }

    /// Nobody knows what: whoever listens is made to fall behind, and reads the states.
    fn missed(&self) {
        let nothing: Changes = Arc::from([]);
        (0..=open::CHANGES_MAX).for_each(|_| drop(self.changes.send(nothing.clone())));
    }

    /// What another process has changed.
    fn pass_on(&self, changes: Vec<(u64, Change)>) {
        for (_, change) in &changes {
            match change {
                Change::Cancel(run) => lock(&self.held).cancel(*run),
                Change::Paused(_) => self.give_back_ahead(),
                Change::Resumed { .. } => {
                    lock(&self.lanes).stale = true;
                    self.ready.notify_one();
                }
                _ => {}
            }
        }
        let _ = self.changes.send(changes.into());
    }
}

fn place(word: &str) -> Option<Place> {
    let mut parts = word.split(':');
    let (lane, prio) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(Place { lane, prio, run: Id(u128::from_str_radix(parts.next()?, 16).ok()?) })
}
