//! The store in one SQLite file that only its owner can read, beside the program.
//!
//! Write-ahead log with `synchronous = FULL`: a commit is on disk before it is acknowledged. One connection,
//! so that writers queue here rather than fail on SQLite's lock.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use hearken_protocol::{
    EndReason, GroupId, GroupSpeech, ParticipantId, Sensitive, SessionId, SpokenLanguage, Timestamp, Writing,
};
use hearken_signaling_core::{AuditEntry, Change, SeatRecord, SessionRecord, SessionSettings};
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row, SqliteConnection, SqlitePool};

use super::words::Word;
use super::{Store, StoreError, StoredSession};
use crate::tokens::{TOKEN_KEY_BYTES, TokenKey};

/// How long a request waits for the database before it is told that there is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Name of the setting that holds the token key.
const TOKEN_KEY: &str = "token_key";

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made or protected.
    #[error("the file cannot be made or read: {0}")]
    File(#[from] io::Error),
    /// It is no database of ours, or damaged.
    #[error("it is not a readable database: {0}")]
    Database(#[from] sqlx::Error),
    /// Its layout could not be brought up to date.
    #[error("its layout could not be brought up to date: {0}")]
    Migration(#[from] MigrateError),
}

/// The store in an SQLite file.
pub struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the file or makes it, readable by its owner only, and brings its layout up to date.
    ///
    /// # Errors
    ///
    /// If the file cannot be made, is no database, or was written by a newer version.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        // SQLite gives the files of its log the mode of the database.
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON") // names of an ended session are overwritten, not just unlinked
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool })
    }

    /// Waits for what is being written and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[async_trait::async_trait]
impl Store for SqliteStore {
    async fn token_key(&self) -> Result<TokenKey, StoreError> {
        let fresh = TokenKey::random();
        sqlx::query("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
            .bind(TOKEN_KEY)
            .bind(fresh.0.as_slice())
            .execute(&self.pool)
            .await?;
        let row = sqlx::query("SELECT value FROM settings WHERE name = ?")
            .bind(TOKEN_KEY)
            .fetch_one(&self.pool)
            .await?;
        let bytes: Vec<u8> = row.try_get("value")?;
        let key =
            <[u8; TOKEN_KEY_BYTES]>::try_from(bytes).map_err(|_| StoreError::Unreadable("token key"))?;
        Ok(TokenKey(Sensitive(key)))
    }

    async fn create_session(
        &self,
        group: GroupId,
        settings: &SessionSettings,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO groups (id, name, created_at, vocabulary) VALUES (?, ?, ?, ?)")
            .bind(group.to_string())
            .bind(settings.name.as_str())
            .bind(to_integer(now))
            .bind(settings.speech.vocabulary.join("\n"))
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO sessions (id, group_id, name, starts_at, ends_at, capacity, waiting_room, captions, \
             transcript, language, translate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(settings.session.to_string())
        .bind(group.to_string())
        .bind(settings.name.as_str())
        .bind(to_integer(settings.starts_at))
        .bind(to_integer(settings.ends_at))
        .bind(settings.capacity)
        .bind(settings.waiting_room)
        .bind(settings.captions)
        .bind(settings.transcript)
        .bind(settings.speech.language.as_str())
        .bind(settings.speech.writing == Writing::InEnglish)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn session(&self, session: SessionId) -> Result<Option<StoredSession>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let id = session.to_string();
        let row = sqlx::query(
            "SELECT sessions.*, groups.vocabulary FROM sessions JOIN groups ON groups.id = sessions.group_id \
             WHERE sessions.id = ?",
        )
        .bind(&id)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let seats = sqlx::query("SELECT * FROM seats WHERE session_id = ? ORDER BY position")
            .bind(&id)
            .fetch_all(&mut *transaction)
            .await?;
        let seats = seats.iter().map(seat_from_row).collect::<Result<_, _>>()?;
        let group: String = row.try_get("group_id")?;
        Ok(Some(StoredSession {
            group: parse_id(&group, "group id")?,
            record: record_from_row(session, &row, seats)?,
        }))
    }

    async fn unfinished(&self, now: Timestamp) -> Result<Vec<SessionId>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM sessions WHERE ended IS NULL AND (starts_at <= ? \
             OR EXISTS (SELECT 1 FROM seats WHERE seats.session_id = sessions.id))",
        )
        .bind(to_integer(now))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| parse_id(row.try_get("id")?, "session id"))
            .collect()
    }

    async fn apply(&self, session: SessionId, changes: &[Change]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let id = session.to_string();
        for change in changes {
            write_change(&mut transaction, &id, change).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn sweep(&self, now: Timestamp, retention: Duration) -> Result<(), StoreError> {
        let oldest = to_integer(now - retention);
        let overdue = "SELECT id FROM sessions WHERE ended IS NULL AND ends_at <= ?";
        let mut transaction = self.pool.begin().await?;
        let ids = sqlx::query(overdue)
            .bind(to_integer(now))
            .fetch_all(&mut *transaction)
            .await?;
        for row in ids {
            let id: String = row.try_get("id")?;
            write_change(&mut transaction, &id, &Change::Ended(EndReason::Time)).await?;
        }
        for statement in [
            "DELETE FROM audit WHERE at < ?",
            "DELETE FROM sessions WHERE ended IS NOT NULL AND ends_at < ?",
            "DELETE FROM groups WHERE created_at < ? \
             AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.group_id = groups.id)",
        ] {
            sqlx::query(statement)
                .bind(oldest)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn check(&self) -> Result<(), StoreError> {
        // Takes SQLite's write lock and gives it back: a full disk or a read-only file shows here.
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ('check', x'01') ON CONFLICT (name) DO NOTHING",
        )
        .execute(&mut *transaction)
        .await?;
        transaction.rollback().await?;
        Ok(())
    }
}

async fn write_change(
    connection: &mut SqliteConnection,
    session: &str,
    change: &Change,
) -> Result<(), StoreError> {
    let query = match change {
        Change::Seat(seat) => return write_seat(connection, session, seat).await,
        Change::Audit(entry) => return write_audit(connection, session, entry).await,
        Change::SeatForgotten(participant) => {
            sqlx::query("DELETE FROM seats WHERE participant_id = ? AND session_id = ?")
                .bind(participant.to_string())
        }
        Change::SessionLocked(locked) => {
            sqlx::query("UPDATE sessions SET session_locked = ? WHERE id = ?").bind(*locked)
        }
        Change::MicrophonesLocked(locked) => {
            sqlx::query("UPDATE sessions SET microphones_locked = ? WHERE id = ?").bind(*locked)
        }
        Change::OffRecord(on) => sqlx::query("UPDATE sessions SET off_record = ? WHERE id = ?").bind(*on),
        Change::Vocabulary(terms) => sqlx::query(
            "UPDATE groups SET vocabulary = ? WHERE id = (SELECT group_id FROM sessions WHERE id = ?)",
        )
        .bind(terms.join("\n")),
        Change::LinkGeneration(generation) => {
            sqlx::query("UPDATE sessions SET link_generation = ? WHERE id = ?").bind(*generation)
        }
        Change::Ended(reason) => {
            sqlx::query("DELETE FROM seats WHERE session_id = ?")
                .bind(session)
                .execute(&mut *connection)
                .await?;
            // Names of people are among them: they go with those of the seats.
            sqlx::query(
                "UPDATE groups SET vocabulary = '' WHERE id = (SELECT group_id FROM sessions WHERE id = ?1) \
                 AND NOT EXISTS (SELECT 1 FROM sessions \
                 WHERE group_id = groups.id AND ended IS NULL AND id <> ?1)",
            )
            .bind(session)
            .execute(&mut *connection)
            .await?;
            sqlx::query("UPDATE sessions SET ended = ? WHERE id = ?").bind(reason.word())
        }
    };
    query.bind(session).execute(connection).await?;
    Ok(())
}

async fn write_seat(
    connection: &mut SqliteConnection,
    session: &str,
    seat: &SeatRecord,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO seats (session_id, participant_id, role, name, standing, denials, microphone) \
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id, participant_id) DO UPDATE SET \
         role = excluded.role, name = excluded.name, standing = excluded.standing, \
         denials = excluded.denials, microphone = excluded.microphone",
    )
    .bind(session)
    .bind(seat.participant.to_string())
    .bind(seat.role.word())
    .bind(seat.name.as_str())
    .bind(seat.standing.word())
    .bind(seat.denials)
    .bind(seat.microphone.word())
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_audit(
    connection: &mut SqliteConnection,
    session: &str,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO audit (session_id, at, actor, action, target) VALUES (?, ?, ?, ?, ?)")
        .bind(session)
        .bind(to_integer(entry.at))
        .bind(entry.actor.map(|id| id.to_string()))
        .bind(entry.action.as_str())
        .bind(entry.target.map(|id| id.to_string()))
        .execute(connection)
        .await?;
    Ok(())
}

fn record_from_row(
    session: SessionId,
    row: &SqliteRow,
    seats: Vec<SeatRecord>,
) -> Result<SessionRecord, StoreError> {
    let ended: Option<&str> = row.try_get("ended")?;
    let name: String = row.try_get("name")?;
    Ok(SessionRecord {
        settings: SessionSettings {
            session,
            name: Sensitive(name),
            starts_at: from_integer(row.try_get("starts_at")?)?,
            ends_at: from_integer(row.try_get("ends_at")?)?,
            capacity: row.try_get("capacity")?,
            waiting_room: row.try_get("waiting_room")?,
            captions: row.try_get("captions")?,
            transcript: row.try_get("transcript")?,
            speech: speech_from_row(row)?,
        },
        link_generation: row.try_get("link_generation")?,
        session_locked: row.try_get("session_locked")?,
        microphones_locked: row.try_get("microphones_locked")?,
        off_record: row.try_get("off_record")?,
        ended: ended.map(EndReason::from_word).transpose()?,
        seats,
    })
}

fn speech_from_row(row: &SqliteRow) -> Result<GroupSpeech, StoreError> {
    let language: &str = row.try_get("language")?;
    let vocabulary: &str = row.try_get("vocabulary")?;
    Ok(GroupSpeech {
        language: SpokenLanguage::parse(language).ok_or(StoreError::Unreadable("language"))?,
        writing: if row.try_get("translate")? {
            Writing::InEnglish
        } else {
            Writing::AsSpoken
        },
        vocabulary: Sensitive(vocabulary.lines().map(str::to_owned).collect()),
    })
}

fn seat_from_row(row: &SqliteRow) -> Result<SeatRecord, StoreError> {
    let name: String = row.try_get("name")?;
    Ok(SeatRecord {
        participant: parse_id::<ParticipantId>(row.try_get("participant_id")?, "participant id")?,
        role: Word::from_word(row.try_get("role")?)?,
        name: Sensitive(name),
        standing: Word::from_word(row.try_get("standing")?)?,
        denials: row.try_get("denials")?,
        microphone: Word::from_word(row.try_get("microphone")?)?,
    })
}

fn parse_id<T: FromStr>(text: &str, noun: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(noun))
}

/// SQLite's integers are signed; times beyond its range are as good as its end.
fn to_integer(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

fn from_integer(integer: i64) -> Result<Timestamp, StoreError> {
    u64::try_from(integer)
        .map(Timestamp)
        .map_err(|_| StoreError::Unreadable("time"))
}

#[cfg(test)]
mod tests {
    use hearken_protocol::Role;
    use hearken_signaling_core::{AuditAction, MicrophoneRule, Standing};

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn settings(session: u128) -> SessionSettings {
        SessionSettings {
            session: SessionId(session),
            name: "Tuesday circle".into(),
            starts_at: NOW,
            ends_at: NOW + Duration::from_secs(3600),
            capacity: 25,
            waiting_room: true,
            captions: false,
            transcript: true,
            speech: GroupSpeech {
                language: SpokenLanguage::Detected,
                writing: Writing::InEnglish,
                vocabulary: Sensitive(vec!["Sertraline".into(), "Ann Lee".into()]),
            },
        }
    }

    fn seat(participant: u64, standing: Standing) -> SeatRecord {
        SeatRecord {
            participant: ParticipantId(participant),
            role: Role::Member,
            name: "Ann".into(),
            standing,
            denials: 1,
            microphone: MicrophoneRule::Locked,
        }
    }

    async fn store(folder: &tempfile::TempDir) -> SqliteStore {
        SqliteStore::open(&folder.path().join("hearken.db"))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn everything_that_must_last_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let first = store(&folder).await;
        let key = first.token_key().await.unwrap();
        first.create_session(GroupId(1), &settings(2), NOW).await.unwrap();
        let entry = AuditEntry {
            at: NOW,
            actor: None,
            action: AuditAction::Admitted,
            target: Some(ParticipantId(3)),
        };
        let changes = [
            Change::Seat(seat(9, Standing::Admitted)),
            Change::Seat(seat(3, Standing::Denied)),
            Change::Seat(seat(9, Standing::Blocked)),
            Change::Seat(seat(4, Standing::Lapsed)),
            Change::SeatForgotten(ParticipantId(4)),
            Change::SessionLocked(true),
            Change::MicrophonesLocked(true),
            Change::OffRecord(true),
            Change::Vocabulary(Sensitive(vec!["Naltrexone".into(), "Bo".into()])),
            Change::LinkGeneration(5),
            Change::Audit(entry),
        ];
        first.apply(SessionId(2), &changes).await.unwrap();
        first.close().await;

        let second = store(&folder).await;
        assert_eq!(second.token_key().await.unwrap(), key);
        let stored = second.session(SessionId(2)).await.unwrap().unwrap();
        let mut changed = settings(2);
        changed.speech.vocabulary = Sensitive(vec!["Naltrexone".into(), "Bo".into()]);
        let expected = SessionRecord {
            settings: changed,
            link_generation: 5,
            session_locked: true,
            microphones_locked: true,
            off_record: true,
            ended: None,
            seats: vec![seat(9, Standing::Blocked), seat(3, Standing::Denied)],
        };
        assert_eq!(
            stored,
            StoredSession {
                group: GroupId(1),
                record: expected
            }
        );
        assert_eq!(second.session(SessionId(7)).await.unwrap(), None);
        assert_eq!(second.unfinished(NOW).await.unwrap(), vec![SessionId(2)]);
    }

    #[tokio::test]
    async fn the_files_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        store.token_key().await.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(
                file.metadata().unwrap().permissions().mode() & 0o777,
                0o600,
                "{:?}",
                file.file_name()
            );
        }
    }

    #[tokio::test]
    async fn a_batch_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        store.create_session(GroupId(1), &settings(2), NOW).await.unwrap();
        // A seat needs its session: the second change of this batch cannot be written.
        let changes = [
            Change::LinkGeneration(9),
            Change::Seat(seat(1, Standing::Admitted)),
        ];
        assert!(store.apply(SessionId(77), &changes).await.is_err());
        assert!(store.check().await.is_ok());
        assert_eq!(
            store
                .session(SessionId(2))
                .await
                .unwrap()
                .unwrap()
                .record
                .link_generation,
            1
        );
    }

    #[tokio::test]
    async fn names_go_when_a_session_ends_and_the_rest_after_its_retention() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        store.create_session(GroupId(1), &settings(2), NOW).await.unwrap();
        store
            .apply(SessionId(2), &[Change::Seat(seat(1, Standing::Admitted))])
            .await
            .unwrap();
        // Nobody was there to end it: the sweep does.
        store.sweep(NOW + DAY, 30 * DAY).await.unwrap();
        let record = store.session(SessionId(2)).await.unwrap().unwrap().record;
        assert_eq!((record.ended, record.seats.len()), (Some(EndReason::Time), 0));
        assert!(record.settings.speech.vocabulary.is_empty());
        assert!(store.unfinished(NOW + DAY).await.unwrap().is_empty());
        store.sweep(NOW + 32 * DAY, 30 * DAY).await.unwrap();
        assert_eq!(store.session(SessionId(2)).await.unwrap(), None);
        let groups = sqlx::query("SELECT * FROM groups")
            .fetch_all(&store.pool)
            .await
            .unwrap();
        assert!(groups.is_empty());
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hearken.db");
        std::fs::write(&path, "not a database, but long enough to look at".repeat(100)).unwrap();
        assert!(matches!(
            SqliteStore::open(&path).await,
            Err(OpenError::Database(_) | OpenError::Migration(_))
        ));
    }
}
