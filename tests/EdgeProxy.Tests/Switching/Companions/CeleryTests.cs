using System.Diagnostics;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Companions;
using EdgeProxy.Tests.Support;
using EdgeProxy.Units;
using EdgeProxy.Units.Process;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace EdgeProxy.Tests.Switching.Companions;

/// <summary>A real Celery, worker and beat, and a real Redis, where Debian has them.</summary>
public sealed class CeleryTests : IAsyncDisposable
{
    private const int Deploys = 10;

    private const string Tasks = """
        import os, time
        from celery import Celery

        home = os.path.dirname(os.path.abspath(__file__))
        app = Celery("tasks", broker=f"redis+socket://{home}/redis.sock")
        app.conf.update(
            worker_prefetch_multiplier=1, task_ignore_result=True, worker_hijack_root_logger=False,
            beat_schedule={"tick": {"task": "tasks.tick", "schedule": 1.0}})


        def note(text):
            with open(f"{home}/notes", "a") as notes:
                notes.write(f"{text}\n")


        @app.task(name="tasks.work")
        def work(number):
            note(f"begin {number}")
            time.sleep(5)
            note(f"end {number}")


        @app.task(name="tasks.tick", expires=3)
        def tick():
            note("tick")
        """;

    /// <summary>As <c>KillMode=mixed</c> of systemd: SIGTERM is for the main process, not for those of its pool.</summary>
    private const string Mixed = """
        setsid "$@" &
        main=$!
        trap 'kill -TERM $main' TERM
        wait $main
        wait $main
        """;

    private readonly ControlPlane _plane = new();
    private readonly TemporaryDirectory _directory = new();

    public CeleryTests()
    {
        foreach (var folder in (string[])["worker", "beat"])
        {
            Directory.CreateDirectory(_directory[folder]);
        }

        File.WriteAllText(_directory["tasks.py"], Tasks);
        File.WriteAllText(_directory["mixed"], Mixed);
        _plane.ConfigureAppServices = services => services.AddSingleton<CreateCompanionUnits>((name, slots, command) => new ProcessUnits(
            slots,
            new UnitsOptions
            {
                Process = new() { Command = command, WorkingDirectory = _directory.Path, StopTimeout = TimeSpan.FromMinutes(2) },
            },
            _directory[name],
            TimeProvider.System,
            NullLogger<ProcessUnits>.Instance));
        _plane.Options.Companions =
        [
            new()
            {
                Name = "worker",
                Command = "sh mixed /usr/bin/python3 -m celery -A tasks worker -c 2 -n {slot}@%h --without-gossip --without-mingle --without-heartbeat",
            },
            new() { Name = "beat", Command = "/usr/bin/python3 -m celery -A tasks beat --schedule schedule-{slot} --pidfile=", Singleton = true },
        ];
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ten_deploys_lose_no_task_run_none_twice_and_never_double_beat()
    {
        Assert.SkipUnless(await HasCeleryAsync(), "apt install python3-celery python3-redis redis-server");
        using var redis = Process.Start(new ProcessStartInfo(
            "/usr/bin/redis-server", ["--port", "0", "--unixsocket", _directory["redis.sock"], "--save", "", "--dir", _directory.Path])
        {
            RedirectStandardOutput = true,
        })!;
        redis.OutputDataReceived += (_, _) => { };
        redis.BeginOutputReadLine();
        await Eventually.TrueAsync(() => File.Exists(_directory["redis.sock"]), "redis listens");
        await using var cleanUp = new Disposal(redis);
        await _plane.StartAsync();
        using var over = new CancellationTokenSource();
        var beats = MostBeatsAsync(over.Token);
        var sent = 0;

        for (var deploy = 0; deploy < Deploys; deploy++)
        {
            await SendAsync(sent, sent + 2);
            sent += 2;
            var first = sent - 2;
            await Eventually.TrueAsync(() => Notes().Contains($"begin {first}"), $"task {first} runs", TimeSpan.FromMinutes(3));
            Assert.Equal(SwitchOutcome.Completed, (await _plane.SwitchAsync()).Outcome);
        }

        await Eventually.TrueAsync(() => Lines("end").Count() >= sent, "all tasks end", TimeSpan.FromMinutes(3));
        await over.CancelAsync();
        await _plane.StopAsync(); // and with it worker and beat, so that nothing more is written
        var notes = Notes();
        foreach (var word in (string[])["begin", "end"])
        {
            Assert.Equal(Enumerable.Range(0, sent).Select(number => $"{word} {number}").Order(), Lines(word).Order());
        }

        Assert.Equal(1, await beats);
        Assert.Contains("tick", notes);
        Figures.Report(
            $"{Deploys} deploys with Celery: {sent} tasks of 5 s, each ran once; beat sent {notes.Count(line => line == "tick")} ticks, never two of it ran");
    }

    public async ValueTask DisposeAsync()
    {
        await _plane.DisposeAsync();
        _directory.Dispose();
    }

    private static async Task<bool> HasCeleryAsync()
    {
        using var python = Process.Start(new ProcessStartInfo("/usr/bin/python3", ["-c", "import celery, redis"]) { RedirectStandardError = true })!;
        return await python.EndWithin() == 0 && File.Exists("/usr/bin/redis-server");
    }

    private IEnumerable<string> Lines(string word) => Notes().Where(line => line.StartsWith(word, StringComparison.Ordinal));

    private string[] Notes() => File.Exists(_directory["notes"]) ? File.ReadAllLines(_directory["notes"]) : [];

    private async Task SendAsync(int from, int to)
    {
        var send = new ProcessStartInfo("/usr/bin/python3", ["-c", $"import tasks\nfor n in range({from}, {to}): tasks.work.delay(n)"])
        {
            WorkingDirectory = _directory.Path,
        };
        using var python = Process.Start(send)!;
        Assert.Equal(0, await python.EndWithin(TimeSpan.FromMinutes(2)));
    }

    /// <summary>Ends a server with the test.</summary>
    private sealed class Disposal(Process process) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            process.KillAndWait();
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>How many processes of beat run at most at a time.</summary>
    private async Task<int> MostBeatsAsync(CancellationToken over)
    {
        var most = 0;
        while (!over.IsCancellationRequested)
        {
            most = Math.Max(most, Directory.EnumerateDirectories("/proc").Count(IsBeat));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return most;

        bool IsBeat(string process)
        {
            try
            {
                var line = File.ReadAllText($"{process}/cmdline");
                return line.StartsWith("/usr/bin/python3", StringComparison.Ordinal) && line.Contains("--schedule", StringComparison.Ordinal)
                    && new FileInfo($"{process}/cwd").ResolveLinkTarget(returnFinalTarget: false)?.FullName == _directory.Path;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }
}
