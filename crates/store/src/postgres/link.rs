//! One connection: statements with typed values, prepared once each, or not at all where a pooler stands between; and what an
//! error means.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::BytesMut;
use tokio_postgres::{
    Client, Row, Statement,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use super::{address::Address, lock};
use crate::{Error, Id};

/// Why a transaction did not come to its end.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// The connection is gone.
    Lost(Arc<str>),
    /// Somebody else was in the way: once more.
    Again,
    /// There is no partition yet for what may go on that day.
    Day(i32),
    /// It is refused.
    Is(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Is(error)
    }
}

impl Fault {
    pub(super) fn told(self) -> Error {
        match self {
            Fault::Is(error) => error,
            Fault::Lost(why) => Error::Unavailable(why),
            Fault::Again | Fault::Day(_) => {
                Error::Unavailable("others were in the way again and again".into())
            }
        }
    }
}

pub(super) type Done<T> = Result<T, Fault>;

/// A value that goes into a statement, with its type, as nobody asks the server for it.
pub(super) trait Val: ToSql + Sync + Send {
    fn kind(&self) -> Type;
    fn sql(&self) -> &(dyn ToSql + Sync);
}

macro_rules! vals {
    ($($rust:ty => $sql:ident,)*) => { $(
        impl Val for $rust {
            fn kind(&self) -> Type {
                Type::$sql
            }
            fn sql(&self) -> &(dyn ToSql + Sync) {
                self
            }
        }
    )* };
}

vals! {
    bool => BOOL, i16 => INT2, i32 => INT4, i64 => INT8, &str => TEXT, String => TEXT, &[u8] => BYTEA, Vec<u8> => BYTEA, Uid => UUID,
    Option<i64> => INT8, Option<Uid> => UUID, Option<Vec<u8>> => BYTEA, Option<&str> => TEXT,
    Vec<bool> => BOOL_ARRAY, Vec<i16> => INT2_ARRAY, Vec<i32> => INT4_ARRAY, Vec<i64> => INT8_ARRAY, Vec<Option<i64>> => INT8_ARRAY,
    Vec<Uid> => UUID_ARRAY, Vec<Option<Uid>> => UUID_ARRAY, Vec<Vec<u8>> => BYTEA_ARRAY, Vec<Option<Vec<u8>>> => BYTEA_ARRAY,
    Vec<&[u8]> => BYTEA_ARRAY, Vec<&str> => TEXT_ARRAY, Vec<Option<&str>> => TEXT_ARRAY,
}

pub(super) type Vals<'a> = &'a [&'a dyn Val];

/// An id as it stands in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uid(pub(super) Id);

impl ToSql for Uid {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0.0.to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Uid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Uid, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Uid(Id(u128::from_be_bytes(raw.try_into()?))))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::UUID
    }
}

/// So long a transaction may wait for a process that stands still or is cut off: what it has locked is free again before its lease is
/// over, so that others can take its runs.
fn idle_max(lease: Duration) -> String {
    format!("idle_in_transaction_session_timeout = {}", (lease * 2 / 3).as_millis())
}

/// A connection. Statements may be sent before the answers to those before have come.
pub(super) struct Link {
    client: Client,
    /// None: none is kept beyond its transaction, as the next one may meet another server process.
    prepared: Option<Mutex<HashMap<&'static str, Statement>>>,
    /// What a transaction begins with.
    begin: String,
}

impl Link {
    /// Connects; the other end is driven by a task of the runtime at hand, which ends with it.
    pub(super) async fn open(address: &Address, pooled: bool, lease: Duration) -> Done<Link> {
        let (client, connection) = address.connect().await?;
        #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
        tokio::spawn(async move {
            // Whoever waits for an answer is told.
            let _ = connection.await;
        });
        let idle_max = idle_max(lease);
        if pooled {
            let begin = format!("BEGIN; SET LOCAL {idle_max}");
            return Ok(Link { client, prepared: None, begin });
        }
        client.batch_execute(&format!("SET {idle_max}")).await.map_err(fault)?;
        Ok(Link::of(client))
    }

    /// One that somebody else has made.
    pub(super) fn of(client: Client) -> Link {
        Link { client, prepared: Some(Mutex::default()), begin: "BEGIN".to_owned() }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.client.is_closed()
    }

    /// A transaction.
    pub(super) async fn begin(&self) -> Done<()> {
        self.simple(&self.begin).await
    }

    /// Makes a statement known, so that it is sent at once when it is run.
    pub(super) async fn prepare(&self, sql: &'static str, kinds: &[Type]) -> Done<()> {
        let Some(prepared) = &self.prepared else { return Ok(()) };
        let statement = self.client.prepare_typed(sql, kinds).await.map_err(fault)?;
        lock(prepared).insert(sql, statement);
        Ok(())
    }

    /// Statements without values.
    pub(super) async fn simple(&self, sql: &str) -> Done<()> {
        self.client.batch_execute(sql).await.map_err(fault)
    }

    pub(super) async fn rows(&self, sql: &'static str, vals: Vals<'_>) -> Done<Vec<Row>> {
        match self.statement(sql, vals).await? {
            Some(statement) => self.client.query(&statement, &plain(vals)).await.map_err(fault),
            None => self.client.query_typed(sql, &typed(vals)).await.map_err(fault),
        }
    }

    /// How many rows it gave, or changed where it gives none.
    pub(super) async fn run(&self, sql: &'static str, vals: Vals<'_>) -> Done<u64> {
        match self.statement(sql, vals).await? {
            Some(statement) => self.client.execute(&statement, &plain(vals)).await.map_err(fault),
            None => self.client.execute_typed(sql, &typed(vals)).await.map_err(fault),
        }
    }

    /// None: nothing is prepared here.
    async fn statement(&self, sql: &'static str, vals: Vals<'_>) -> Done<Option<Statement>> {
        let Some(prepared) = &self.prepared else { return Ok(None) };
        let known = lock(prepared).get(sql).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let kinds: Vec<Type> = vals.iter().map(|val| val.kind()).collect();
        self.prepare(sql, &kinds).await?;
        Ok(lock(prepared).get(sql).cloned())
    }

    pub(super) async fn one(&self, sql: &'static str, vals: Vals<'_>) -> Done<Option<Row>> {
        Ok(self.rows(sql, vals).await?.into_iter().next())
    }
}

fn plain<'a>(vals: Vals<'a>) -> Vec<&'a (dyn ToSql + Sync)> {
    vals.iter().map(|val| val.sql()).collect()
}

fn typed<'a>(vals: Vals<'a>) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    vals.iter().map(|val| (val.sql(), val.kind())).collect()
}

/// A column of a row that is one of ours.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, Error> {
    row.try_get(at).map_err(|error| Error::Corrupt(error.to_string().into()))
}

pub(super) fn id(row: &Row, at: usize) -> Result<Id, Error> {
    get::<Uid>(row, at).map(|uid| uid.0)
}

pub(super) fn fault(error: tokio_postgres::Error) -> Fault {
    let says = || -> Arc<str> {
        match error.as_db_error() {
            Some(error) => error.message().into(),
            None => match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}").into(),
                None => error.to_string().into(),
            },
        }
    };
    let Some(code) = error.code() else { return Fault::Lost(says()) };
    match code {
        &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::LOCK_NOT_AVAILABLE => Fault::Again,
        &SqlState::UNIQUE_VIOLATION => Fault::Is(Error::Conflict(says())),
        &SqlState::DISK_FULL => Fault::Is(Error::Full),
        // A standby, or a server that was one and is not yet more.
        &SqlState::READ_ONLY_SQL_TRANSACTION => Fault::Lost(says()),
        code if code.code().starts_with("57") || code.code().starts_with("08") => Fault::Lost(says()),
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Fault::Lost(says()),
        // Too many connections.
        code if code.code().starts_with("53") => Fault::Lost(says()),
        _ => Fault::Is(Error::Unavailable(says())),
    }
}
