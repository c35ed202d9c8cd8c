//! A PostgreSQL server of the test's own: in a folder that goes with it, stopped and started at will.

use super::installed::program;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The password over TCP; it must never be seen anywhere.
pub const PASSWORD: &str = "canary-password";
const USER: &str = "stepdown";

/// A server, which ends with its test.
pub struct Postgres {
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Installs the server if it is missing, makes a cluster and starts it.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        let initdb = program("initdb", &["postgresql"]);
        if is_root() {
            let owner = Command::new("chown")
                .args(["-R", "postgres"])
                .arg(folder.path())
                .status();
            assert!(owner.unwrap().success(), "the server's folder needs an owner");
        }
        let server = Self {
            port: free_port(),
            folder,
        };
        server.run(
            &initdb,
            &[
                "--pgdata",
                &server.path("data"),
                "--username",
                USER,
                "--pwfile",
                &server.path("password"),
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
            ],
        );
        server.up();
        server
    }

    /// Starts it, again at the same address.
    pub fn up(&self) {
        // After a kill, processes of the old server may still be about to notice; the new one waits for them.
        for _ in 0..50 {
            if self.try_up() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        panic!("the database does not start: {log}");
    }

    fn try_up(&self) -> bool {
        let how = format!(
            "-h 127.0.0.1 -p {} -k {}",
            self.port,
            self.folder.path().display()
        );
        let (data, log) = (self.path("data"), self.path("log"));
        let pg_ctl = program("pg_ctl", &["postgresql"]);
        let mut started = self.command(
            &pg_ctl,
            &[
                "--pgdata",
                &data,
                "--log",
                &log,
                "--options",
                &how,
                "--wait",
                "start",
            ],
        );
        started.output().unwrap().status.success()
    }

    /// `kill -9` of the server. Its other processes end when they notice.
    pub fn kill(&self) {
        let file = std::fs::read_to_string(self.path("data/postmaster.pid")).unwrap();
        let server = file.lines().next().unwrap();
        let sent = Command::new("kill").args(["-KILL", server]).status();
        assert!(sent.unwrap().success());
    }

    /// Stops it as a crash would.
    pub fn down(&self) {
        let pg_ctl = program("pg_ctl", &["postgresql"]);
        self.run(
            &pg_ctl,
            &[
                "--pgdata",
                &self.path("data"),
                "--mode",
                "immediate",
                "--wait",
                "stop",
            ],
        );
    }

    /// An empty database; its address for the settings, over a socket and without a password: to prove a
    /// password takes a build without optimisation a good part of a second for each connection.
    pub fn database(&self, name: &str) -> String {
        self.execute("postgres", &format!("CREATE DATABASE {name}"))
            .unwrap();
        self.database_url(name)
    }

    /// Address of a database that is there.
    pub fn database_url(&self, name: &str) -> String {
        let folder = self.folder.path().display();
        format!("postgres://{USER}@localhost:{}/{name}?host={folder}", self.port)
    }

    /// The same over TCP, with a password.
    pub fn database_over_tcp(&self, name: &str) -> String {
        self.database(name);
        format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs a statement in a database, as its owner's hand; what it printed, or why it was refused.
    pub fn execute(&self, database: &str, statement: &str) -> Result<String, String> {
        let psql = program("psql", &["postgresql-client"]);
        let (folder, port) = (self.folder.path().display().to_string(), self.port.to_string());
        let mut arguments = vec!["--host", &folder, "--port", &port, "--username", USER];
        arguments.extend([
            "--dbname",
            database,
            "--quiet",
            "--tuples-only",
            "--command",
            statement,
        ]);
        let ended = self.command(&psql, &arguments).output().unwrap();
        let said = if ended.status.success() {
            &ended.stdout
        } else {
            &ended.stderr
        };
        let said = String::from_utf8_lossy(said).into_owned();
        if ended.status.success() {
            Ok(said)
        } else {
            Err(said)
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs a program, as the distribution's own user where we are root: the server refuses to be.
    fn run(&self, program: &Path, arguments: &[&str]) {
        let ended = self.command(program, arguments).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{}: {said}", program.display());
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.args(arguments).current_dir(PathBuf::from("/"));
        // pg_ctl leaves the server behind, which would hold a pipe open.
        command.stdin(std::process::Stdio::null());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let pg_ctl = program("pg_ctl", &["postgresql"]);
        let data = self.path("data");
        // It may be down already.
        drop(
            self.command(&pg_ctl, &["--pgdata", &data, "--mode", "immediate", "stop"])
                .output(),
        );
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
