using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography;
using EdgeProxy.State;
using EdgeProxy.Tests.EndToEnd;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;

namespace EdgeProxy.Tests.Handover;

/// <summary>Processes that take each other's place, without systemd.</summary>
public sealed class HandoverTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>More by hand, say 100.</summary>
    private static int Handovers => Number("EDGEPROXY_HANDOVERS", 10);

    /// <summary>How long what lasts does, in seconds, and how many WebSockets; by hand 60 and 500.</summary>
    private static int Length => Number("EDGEPROXY_HANDOVER_SECONDS", 15);

    private static int WebSockets => Number("EDGEPROXY_HANDOVER_SOCKETS", 100);

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    [Fact]
    public async Task Handovers_of_two_programs_and_two_settings_lose_no_request()
    {
        await using var site = await HandoverSite.StartAsync();
        var atFirst = HandoverSite.Descriptors(await site.HandOverAsync());
        var without = LongestFast(await LoadAsync(site, () => Task.Delay(TimeSpan.FromSeconds(Handovers / 4), TimeProvider.System, Cancellation)));
        long first = 0, last = 0;

        var shots = await LoadAsync(site, async () =>
        {
            for (var i = 1; i <= Handovers; i++)
            {
                site.Install(i);
                await site.WriteSettingsAsync(i % 2 == 0 ? "" : "\"Health\": { \"Path\": \"/other\" },");
                last = Memory(await site.HandOverAsync());
                first = i == 2 ? last : first; // of the program of the last one
            }
        });

        var failed = shots.Where(shot => shot.Failure is not null).ToList();
        Assert.True(failed.Count == 0, $"{failed.Count} of {shots.Count}: {string.Join("\n", failed.Take(3))}\n{site.Log}");
        Figures.Report($"{Handovers} handovers: {shots.Count} requests, longest fast GET {LongestFast(shots):F0} ms, without a handover {without:F0} ms; " +
            $"resident {first / 1048576} MB after two, {last / 1048576} MB after all");
        site.Install(0);
        var survivor = await site.HandOverAsync();
        await Eventually.TrueAsync(() => site.Alive().SequenceEqual([survivor]), "the processes before end when their clients have left them");
        Assert.Equal(survivor, Assert.Single(site.Accepting()));
        // What one process hands to the next does not grow; of connections there are some more or less.
        await Eventually.TrueAsync(() => HandoverSite.Descriptors(survivor) <= atFirst + 8, "the last process has as many descriptors as the first new one");
        Assert.InRange(last, 1, first * 3 / 2);
    }

    /// <summary>HTTP/1.1 and HTTP/2 over TLS, kept and new connections, while something is done.</summary>
    private static async Task<IReadOnlyList<Shot>> LoadAsync(HandoverSite site, Func<Task> action)
    {
        MixedLoad[] loads =
        [
            MixedLoad.Start(new Uri($"http://127.0.0.1:{site.Http}")),
            MixedLoad.Start(new Uri($"https://api.example.com:{site.Https}"), root: HandoverSite.Root, connect: ConnectAsync),
            MixedLoad.Start(new Uri($"https://api.example.com:{site.Https}"), root: HandoverSite.Root, connect: ConnectAsync, isHttp2: true),
        ];
        await action();
        return [.. (await Task.WhenAll(loads.Select(load => load.StopAsync()))).SelectMany(shots => shots)];
    }

    private static double LongestFast(IEnumerable<Shot> shots) =>
        shots.Where(shot => shot.Kind.Contains("fast", StringComparison.Ordinal)).Max(shot => (shot.Ended - shot.Started).TotalMilliseconds);

    private static long Memory(int process)
    {
        using var of = Process.GetProcessById(process);
        return of.WorkingSet64;
    }

    /// <summary>The last handover is longer ago than the time after which silent connections are closed.</summary>
    [Fact]
    public async Task What_lasts_goes_through_three_handovers_untouched()
    {
        await using var site = await HandoverSite.StartAsync();
        using var handler = new SocketsHttpHandler { UseProxy = false };
        using var client = new HttpClient(handler) { BaseAddress = new Uri($"http://127.0.0.1:{site.Http}"), Timeout = Timeout.InfiniteTimeSpan };
        using var end = new CancellationTokenSource();
        var sockets = await Task.WhenAll(Enumerable.Range(0, WebSockets).Select(_ => OpenAsync(site.Http)));
        var talks = sockets.Select(socket => TalkAsync(socket, end.Token)).ToList();
        var streams = Enumerable.Range(0, WebSockets / 10).Select(_ => CountEventsAsync(client, end.Token)).ToList();
        var download = client.GetByteArrayAsync($"/download?steps={Length * 10}", Cancellation); // ten a second
        var upload = UploadAsync(client, TimeSpan.FromSeconds(Length));

        var processes = new List<int>();
        for (var i = 0; i < 3; i++)
        {
            processes.Add(await site.HandOverAsync());
            await AssertNoneHasFailedAsync();
        }

        var status = (await site.StatusAsync())!.Value;
        var first = status.GetProperty("former").EnumerateArray().Single(process => process.GetProperty("pid").GetInt32() == site.First.Id);
        var held = first.GetProperty("inFlight");
        Assert.Equal((WebSockets, WebSockets / 10), (held.GetProperty("webSocket").GetInt32(), held.GetProperty("stream").GetInt32()));

        var rest = TimeSpan.FromSeconds(Length * 3);
        Assert.Equal(Length * 10 * 16 * 1024, (await download.Within(rest)).Length);
        var (sent, hash) = await upload.Within(rest);
        Assert.Equal(sent, hash);
        await end.CancelAsync();
        var said = await Task.WhenAll(talks).Within();
        var seen = await Task.WhenAll(streams).Within();
        Assert.All(said, count => Assert.InRange(count, 10, int.MaxValue));
        Assert.All(seen, count => Assert.InRange(count, 100, int.MaxValue));

        await Eventually.TrueAsync(async () => (await site.StatusAsync())!.Value.GetProperty("former").GetArrayLength() == 0, "no old process is left");
        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(site.First.Id), "the first one ends");
        Assert.True(HandoverSite.IsAlive(processes[^1]));

        async Task AssertNoneHasFailedAsync()
        {
            if (talks.Find(talk => talk.IsFaulted) is { } failed)
            {
                Assert.Fail($"{await failed.ContinueWith(talk => talk.Exception, TaskScheduler.Default)}\n{site.Log}");
            }
        }
    }

    [Fact]
    public async Task Settings_that_are_not_valid_change_nothing()
    {
        await using var site = await HandoverSite.StartAsync();
        await site.WriteSettingsAsync("\"Health\": { \"Attempts\": 0 },");

        var refused = await site.ReloadAsync();

        Assert.Equal(4, refused.ExitCode);
        Assert.Contains("EdgeProxy:Health:Attempts", refused.Error, StringComparison.Ordinal);
        Assert.Equal(site.First.Id, await site.PidAsync());
        Assert.True(await site.IsServedAsync());

        await site.WriteSettingsAsync("\"Health\": { \"Path\": \"/health\" },");
        var done = await site.ReloadAsync();
        Assert.Equal(0, done.ExitCode);
        Assert.Contains("EdgeProxy:Health:Path: not set -> \"/health\"", done.Output, StringComparison.Ordinal);

        await site.WriteSettingsAsync(
            """
            "Health": { "Path": "/healthz" }, "Notify": { "Receivers": { "chat": { "Url": "https://example.com/s3cret" } } },
            """);
        var again = await site.ReloadAsync();
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Equal(
            "EdgeProxy:Health:Path: \"/health\" -> \"/healthz\"\nEdgeProxy:Notify:Receivers:chat:Url: not set -> \"***\"",
            again.Output[..again.Output.IndexOf("\nprocess", StringComparison.Ordinal)]);
        Assert.EndsWith("has taken over; settings changed: 2\n", again.Output, StringComparison.Ordinal);
    }

    /// <summary>Which slot is active, a pause and maintenance would stay behind.</summary>
    [Fact]
    public async Task A_state_directory_that_moves_is_refused()
    {
        await using var site = await HandoverSite.StartAsync();
        var settings = await File.ReadAllTextAsync(site.Settings, Cancellation);
        await File.WriteAllTextAsync(site.Settings, settings.Replace("/state\"", "/other\"", StringComparison.Ordinal), Cancellation);

        var refused = await site.ReloadAsync();

        Assert.Equal(4, refused.ExitCode);
        Assert.Contains("State:Directory would move", refused.Error, StringComparison.Ordinal);
        Assert.Equal(site.First.Id, await site.PidAsync());
    }

    /// <summary>The process that runs has it from before; a new one would not serve HTTPS.</summary>
    [Fact]
    public async Task A_certificate_that_has_lost_its_key_is_refused()
    {
        await using var site = await HandoverSite.StartAsync();
        File.Delete(Path.Combine(Path.GetDirectoryName(site.Settings)!, "site.key"));

        var refused = await site.ReloadAsync();

        Assert.Equal(4, refused.ExitCode);
        Assert.Contains("site.pem cannot be read", refused.Error, StringComparison.Ordinal);
        Assert.Equal(site.First.Id, await site.PidAsync());
    }

    /// <summary>The first certificate of a process has the runtime read all root certificates. Here a lease of one of the files keeps it waiting.</summary>
    [Fact]
    public async Task A_new_process_takes_no_connection_before_its_certificates_are_ready()
    {
        // fcntl(2): who opens the file waits, and the holder gets SIGIO.
        const string Lease =
            """
            import fcntl, os, signal, sys
            signal.signal(signal.SIGIO, lambda *_: print("opened", flush=True))
            fcntl.fcntl(os.open(sys.argv[1], os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_WRLCK)
            print("held", flush=True)
            sys.stdin.read()
            """;
        await using var site = await HandoverSite.StartAsync();
        await File.WriteAllTextAsync(site.Roots, HandoverSite.Root.ExportCertificatePem(), Cancellation);
        var start = new ProcessStartInfo("python3", ["-c", Lease, site.Roots]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var lease = Process.Start(start)!;
        await using var held = lease.StandardInput;
        Assert.SkipUnless(await lease.StandardOutput.ReadLineAsync(Cancellation).AsTask().Within() == "held", "the file system has no leases");
        using var handler = new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.Zero };
        handler.SslOptions.CertificateChainPolicy = TlsClient.Trust(HandoverSite.Root);
        handler.ConnectCallback = (to, cancellation) => ConnectAsync(to.DnsEndPoint.Port, cancellation);
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(25) }; // less than a handover may take, and than the kernel keeps a lease

        var reload = site.ReloadAsync();
        Assert.Equal("opened", await lease.StandardOutput.ReadLineAsync(Cancellation).AsTask().Within());
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(2);)
        {
            using var response = await client.GetAsync($"https://api.example.com:{site.Https}/", Cancellation);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.False(reload.IsCompleted);
        held.Close();
        var done = await reload;
        Assert.True(done.ExitCode == 0, done.Error);
        await lease.EndWithin();
    }

    /// <summary>What it waits for may need to know what old processes have left.</summary>
    [Fact]
    public async Task A_reload_that_waits_keeps_nobody_from_asking()
    {
        await using var site = await HandoverSite.StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var slow = client.GetAsync($"http://127.0.0.1:{site.Http}/slow?ms=15000", Cancellation);
        await InAppAsync(site);
        await site.HandOverAsync();
        var begun = $"{site.Settings}.begun";
        site.Install($"#!/bin/sh\ntouch {begun}\nexec sleep 10\n");
        var reload = site.ReloadAsync();
        await Eventually.TrueAsync(() => File.Exists(begun), "a new process is started");

        var before = (await site.StatusAsync())!.Value.GetProperty("former").EnumerateArray().Single();
        var late = await site.ReloadAsync();

        Assert.True(before.GetProperty("responds").GetBoolean());
        Assert.Equal(4, late.ExitCode);
        Assert.Contains("Another reload was under way", late.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("goes on as it was", late.Error, StringComparison.Ordinal);
        Assert.False(reload.IsCompleted);
        Assert.Contains("it ended with 0", (await reload).Error, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await slow.Within()).StatusCode);
    }

    /// <summary>The process that has started them stays until they have ended, and only for that.</summary>
    [Fact]
    public async Task Slots_that_are_child_processes_are_handed_over()
    {
        await using var site = await HandoverSite.StartAsync(more: HandoverSite.ChildProcesses);
        await Eventually.TrueAsync(async () => await site.SlotAsync("blue") > 0 && await site.IsServedAsync(), "the slot serves");
        await Eventually.TrueAsync(async () => await site.CompanionAsync() > 0, "its companion runs");
        var (child, companion) = (await site.SlotAsync("blue"), await site.CompanionAsync());

        await site.HandOverAsync();
        var newest = await site.HandOverAsync();

        Assert.Equal((child, companion), (await site.SlotAsync("blue"), await site.CompanionAsync()));
        Assert.True(HandoverSite.IsAlive(companion));
        Assert.True(await site.IsServedAsync());
        Assert.True(HandoverSite.IsAlive(site.First.Id));

        await HandoverSite.SignalAsync(child, "KILL"); // they are watched by the newest process
        await HandoverSite.SignalAsync(companion, "KILL");
        await Eventually.TrueAsync(
            async () => await site.SlotAsync("blue") is > 0 and var pid && pid != child && await site.IsServedAsync(), "it is started again");
        await Eventually.TrueAsync(async () => await site.CompanionAsync() is > 0 and var pid && pid != companion, "and so is its companion");
        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(site.First.Id), "its parent has nothing to stay for");

        var second = await site.SlotAsync("blue");
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var slow = client.GetAsync($"http://127.0.0.1:{site.Http}/slow?ms=5000", Cancellation);
        await InAppAsync(site);
        var last = await site.HandOverAsync();
        Assert.Equal(second, await site.SlotAsync("blue"));
        Assert.Equal(0, (await site.RunAsync("switch")).ExitCode);
        Assert.False(HandoverSite.IsAlive(second)); // stopped by a process whose child it is not
        Assert.Equal(HttpStatusCode.OK, (await slow.Within()).StatusCode); // and that has not got the request: its drain waited for the one that has
        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(newest), "nor has that one");

        var green = await site.SlotAsync("green");
        await site.HandOverAsync();
        await HandoverSite.SignalAsync((await site.PidAsync())!.Value, "KILL");
        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(green) && !HandoverSite.IsAlive(last), "no slot outlives EdgeProxy");
    }

    /// <summary>It is not waited for, but its requests are.</summary>
    [Fact]
    public async Task An_old_process_that_hangs_is_not_waited_for_and_not_forgotten()
    {
        await using var site = await HandoverSite.StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var slow = client.GetAsync($"http://127.0.0.1:{site.Http}/slow?ms=4000", Cancellation);
        await InAppAsync(site);
        await site.HandOverAsync();
        await HandoverSite.SignalAsync(site.First.Id, "STOP");

        for (var i = 0; i < 3; i++)
        {
            var asked = Stopwatch.GetTimestamp();
            var former = (await site.StatusAsync())!.Value.GetProperty("former").EnumerateArray().Single();
            Assert.InRange(Stopwatch.GetElapsedTime(asked), TimeSpan.Zero, TimeSpan.FromSeconds(4)); // 1 s, on a machine that is busy
            Assert.Equal(site.First.Id, former.GetProperty("pid").GetInt32());
            Assert.False(former.GetProperty("responds").GetBoolean());
        }

        var refused = await site.RunAsync("pause", "--max-wait", "00:00:02");
        Assert.NotEqual(0, refused.ExitCode);

        await HandoverSite.SignalAsync(site.First.Id, "CONT");
        Assert.Equal(0, (await site.RunAsync("pause")).ExitCode);
        Assert.Equal(HttpStatusCode.OK, (await slow.Within()).StatusCode);
    }

    /// <summary>Told to end by too many reloads, it does not hear that.</summary>
    [Fact]
    public async Task An_old_process_that_hangs_at_its_end_is_killed()
    {
        await using var site = await HandoverSite.StartAsync(more: "\"Shutdown\": { \"DrainTimeout\": \"00:00:00\" },");
        var held = new List<ClientWebSocket>();
        for (var i = 0; i < 4; i++)
        {
            held.Add(await OpenAsync(site.Http));
            if (i == 1)
            {
                await HandoverSite.SignalAsync(site.First.Id, "STOP");
            }

            await site.WriteSettingsAsync("\"Shutdown\": { \"DrainTimeout\": \"00:00:00\" },");
            await site.HandOverAsync();
        }

        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(site.First.Id), "it is killed 11 s later");
        held.ForEach(socket => socket.Dispose());
    }

    /// <summary>When its requests have ended, not when its time is over.</summary>
    [Fact]
    public async Task An_old_process_that_is_told_to_end_does_when_its_requests_have_ended()
    {
        await using var site = await HandoverSite.StartAsync(more: "\"Shutdown\": { \"DrainTimeout\": \"00:01:00\" },");
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var slow = client.GetAsync($"http://127.0.0.1:{site.Http}/slow?ms=3000", Cancellation);
        await InAppAsync(site);
        await site.HandOverAsync();

        await HandoverSite.SignalAsync(site.First.Id, "TERM");

        Assert.Equal(HttpStatusCode.OK, (await slow.Within()).StatusCode);
        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(site.First.Id), "it ends", TimeSpan.FromSeconds(20));
        Assert.True(await site.IsServedAsync());
    }

    /// <summary>The first process is what a container ends with.</summary>
    [Fact]
    public async Task In_a_container_the_first_process_stays_and_hands_on_its_stop()
    {
        Assert.SkipUnless(Environment.UserName == "root", "makes a PID namespace");
        await using var site = await HandoverSite.StartAsync(isContainer: true);
        for (var i = 0; i < 5; i++)
        {
            await site.HandOverAsync();
        }

        await Eventually.TrueAsync(async () => (await site.StatusAsync())!.Value.GetProperty("former").GetArrayLength() == 1, "only the first one stays");
        Assert.True(await site.IsServedAsync());

        await HandoverSite.SignalAsync(await site.FirstOfContainerAsync(), "TERM");
        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(site.First.Id), "the container ends");
        Assert.False(await site.IsServedAsync());
    }

    /// <summary>What was installed meanwhile does not run, or never gets ready.</summary>
    [Theory]
    [InlineData("#!/bin/sh\nexit 7\n", "it ended with 7")]
    [InlineData("#!/bin/sh\nexec sleep 600\n", "it was ended")]
    [InlineData("no program\n", "cannot be started: Exec format error")]
    public async Task A_new_program_that_fails_changes_nothing(string program, string ending)
    {
        await using var site = await HandoverSite.StartAsync();
        site.Install(program);

        var refused = await site.ReloadAsync();

        Assert.Equal(4, refused.ExitCode);
        Assert.Contains(ending, refused.Error, StringComparison.Ordinal);
        Assert.Equal(site.First.Id, await site.PidAsync());
        Assert.True(await site.IsServedAsync());
    }

    [Fact]
    public async Task Reloads_for_which_there_are_too_few_descriptors_take_none_with_them()
    {
        await using var site = await HandoverSite.StartAsync();
        site.Install("#!/bin/sh\nexit 7\n");
        Assert.Equal(4, (await site.ReloadAsync()).ExitCode); // whatever a first reload opens is open
        site.Install(0);
        var before = HandoverSite.Descriptors(site.First.Id);
        for (var i = 0; i < 10; i++)
        {
            // One for the call, two for the channel, and one of the five copies; connections that are being closed leave room for up to three more.
            var used = Directory.GetFileSystemEntries($"/proc/{site.First.Id}/fd")
                .Select(file => int.Parse(Path.GetFileName(file), CultureInfo.InvariantCulture));
            await LimitAsync(Enumerable.Range(0, 10000).Except(used).ElementAt(4));
            var refused = await site.ReloadAsync();
            await LimitAsync(1024);

            Assert.Equal(4, refused.ExitCode);
            Assert.Contains("Too many open files", refused.Error, StringComparison.Ordinal);
        }

        await Eventually.TrueAsync(() => HandoverSite.Descriptors(site.First.Id) < before + 10, "nothing is left of them");
        await site.HandOverAsync();

        async Task LimitAsync(int descriptors) =>
            Assert.Equal(0, (await Tool.RunAsync("prlimit", [$"--pid={site.First.Id}", $"--nofile={descriptors}:"])).ExitCode);
    }

    /// <summary>It has opened the admin API by then, and must not take its file away.</summary>
    [Fact]
    public async Task An_address_that_is_taken_changes_nothing()
    {
        await using var site = await HandoverSite.StartAsync();
        await using var other = await Backend.NamedAsync("other");
        await site.WriteSettingsAsync(endpoints: $$"""  "More": { "Url": "{{other.Address}}" }, """);

        var refused = await site.ReloadAsync();

        Assert.Equal(4, refused.ExitCode);
        Assert.Contains($"{other.Port}", refused.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("serves nothing", refused.Error, StringComparison.Ordinal);
        Assert.Equal(site.First.Id, await site.PidAsync());
        Assert.True(await site.IsServedAsync());
    }

    [Fact]
    public async Task A_signal_does_the_same_as_the_command()
    {
        await using var site = await HandoverSite.StartAsync();

        await HandoverSite.SignalAsync(site.First.Id, "USR2");

        await Eventually.TrueAsync(async () => await site.PidAsync() is { } pid && pid != site.First.Id, "another process responds");
        Assert.True(await site.IsServedAsync());
        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(site.First.Id), "the old one ends");
    }

    /// <summary>Where the old process is killed the new one takes over; where the new one is, the old one goes on. Steps are counted until one is
    /// survived.</summary>
    [Theory]
    [InlineData(CrashPoint.Handover)]
    [InlineData(CrashPoint.Arrival)]
    public async Task Killed_at_any_step_one_process_serves(string stage)
    {
        for (var step = 1; ; step++)
        {
            await using var site = await HandoverSite.StartAsync($"{stage} {step}");
            var first = site.First.Id;

            var reload = await site.ReloadAsync();

            if (reload.ExitCode == 0)
            {
                Assert.InRange(step, 5, 20);
                if (await site.PidAsync() is null)
                {
                    // It had the sockets to itself already: as any end of the process that serves. The old one does not stay where nobody could start another.
                    await Eventually.TrueAsync(() => !HandoverSite.IsAlive(first), "the old process ends soon", TimeSpan.FromSeconds(20));
                    continue;
                }

                return;
            }

            await Eventually.TrueAsync(
                async () => await site.PidAsync() is not null && await site.IsServedAsync(), $"one serves after {stage} {step}");
            Assert.Equal(stage == CrashPoint.Arrival, await site.PidAsync() == first);
            Assert.Equal(stage == CrashPoint.Arrival, HandoverSite.IsAlive(first));
            var survivor = (await site.PidAsync())!.Value;
            await Eventually.TrueAsync(() => site.Accepting() is [var only] && only == survivor, "no other process accepts");
        }
    }

    [Fact]
    public async Task A_fourth_old_process_ends_the_oldest_and_the_end_of_the_newest_ends_all()
    {
        await using var site = await HandoverSite.StartAsync();
        var talks = new List<Task<int>>();
        using var end = new CancellationTokenSource();
        var processes = new List<int> { site.First.Id };
        for (var i = 0; i < 4; i++)
        {
            talks.Add(TalkAsync(await OpenAsync(site.Http), end.Token));
            processes.Add(await site.HandOverAsync());
        }

        await Eventually.TrueAsync(() => !HandoverSite.IsAlive(processes[0]), "the oldest ends after Shutdown:DrainTimeout");
        Assert.All(processes.Skip(1), process => Assert.True(HandoverSite.IsAlive(process)));

        await HandoverSite.SignalAsync(processes[^1], "TERM");
        await Eventually.TrueAsync(() => !processes.Exists(HandoverSite.IsAlive), "all end");
        await end.CancelAsync();
    }

    /// <summary>A pause begins in the new process: requests of the old one's connections wait, and are counted.</summary>
    [Fact]
    public async Task A_pause_waits_for_the_requests_of_old_processes()
    {
        await using var site = await HandoverSite.StartAsync();
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var slow = client.GetAsync($"http://127.0.0.1:{site.Http}/slow?ms=4000", Cancellation);
        await InAppAsync(site);
        await site.HandOverAsync();

        var started = Stopwatch.GetTimestamp();
        var paused = await site.RunAsync("pause");

        Assert.True(paused.ExitCode == 0, paused.Error);
        Assert.True(slow.IsCompletedSuccessfully, $"the pause did not wait: {Stopwatch.GetElapsedTime(started)}\n{await site.StatusAsync()}\n{site.Log}");
    }

    private static Task InAppAsync(HandoverSite site) => Eventually.TrueAsync(
        async () => (await site.StatusAsync())!.Value.GetProperty("slots").GetProperty("blue").GetProperty("inFlight").GetProperty("http").GetInt32() == 1,
        "the request is in the app");

    private static async ValueTask<Stream> ConnectAsync(int port, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port, cancellation);
        return new NetworkStream(socket, ownsSocket: true);
    }

    private static async Task<ClientWebSocket> OpenAsync(int port)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{port}/echo"), Cancellation);
        return socket;
    }

    /// <summary>A message and its echo four times a second, until the end.</summary>
    /// <returns>How many.</returns>
    private static async Task<int> TalkAsync(ClientWebSocket socket, CancellationToken end)
    {
        using (socket)
        {
            var buffer = new byte[16];
            for (var i = 0; ; i++)
            {
                if (end.IsCancellationRequested)
                {
                    await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
                    return i;
                }

                await socket.SendAsync(BitConverter.GetBytes(i), WebSocketMessageType.Binary, true, Cancellation);
                await socket.ReceiveAsync(buffer, Cancellation);
                Assert.Equal(i, BitConverter.ToInt32(buffer));
                await Task.Delay(TimeSpan.FromMilliseconds(250), TimeProvider.System, end).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <returns>How many events came, none left out.</returns>
    private static async Task<int> CountEventsAsync(HttpClient client, CancellationToken end)
    {
        using var reader = new StreamReader(await client.GetStreamAsync("/events", Cancellation));
        var count = 0;
        while (!end.IsCancellationRequested)
        {
            Assert.Equal($"data: {count++}", await reader.ReadLineAsync(Cancellation));
            Assert.Equal("", await reader.ReadLineAsync(Cancellation));
        }

        return count;
    }

    private static async Task<(string Sent, string Received)> UploadAsync(HttpClient client, TimeSpan length)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var content = new SlowContent(length, hash);
        using var response = await client.PostAsync("/hash", content, Cancellation);
        var body = await response.Content.ReadAsStringAsync(Cancellation);
        return ($$"""{"sha256":"{{Convert.ToHexStringLower(hash.GetCurrentHash())}}"}""", body);
    }

    /// <summary>16 KB ten times a second.</summary>
    private sealed class SlowContent(TimeSpan length, IncrementalHash hash) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var started = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(started) < length)
            {
                var part = RandomNumberGenerator.GetBytes(16 * 1024);
                hash.AppendData(part);
                await stream.WriteAsync(part);
                await stream.FlushAsync();
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
