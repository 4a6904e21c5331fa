using EdgeProxy.Processes;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Hosting;

/// <summary>SIGHUP to a real process, sent by the real logrotate.</summary>
public sealed class ReloadTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly int _port = Backend.FreePort();
    private readonly int _blue = Backend.FreePort();
    private readonly int _green = Backend.FreePort();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string LogFile => _directory["access.log"];

    private string Config => _directory["appsettings.json"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Logrotate_gets_its_file_and_no_line_is_lost()
    {
        Tool.Demand("logrotate");
        await WriteSettingsAsync();
        using var proxy = CommandProcess.Start("run", "--config", Config);
        await RequestAsync("/first");
        await File.WriteAllTextAsync(
            _directory["logrotate.conf"],
            $$"""
            {{LogFile}} {
              rotate 3
              nocreate
              postrotate
                kill -HUP {{proxy.Id}}
              endscript
            }
            """,
            Cancellation);

        var rotated = await Tool.RunAsync("logrotate", ["--force", "--state", _directory["logrotate.state"], _directory["logrotate.conf"]]);

        Assert.True(rotated.ExitCode == 0, rotated.Error);
        Assert.Contains("says what already runs", await proxy.ReadToAsync("Logs were opened anew"), StringComparison.Ordinal);
        await RequestAsync("/second");
        Assert.Contains("\"/first\"", await File.ReadAllTextAsync(LogFile + ".1", Cancellation), StringComparison.Ordinal);
        Assert.DoesNotContain("\"/first\"", await File.ReadAllTextAsync(LogFile, Cancellation), StringComparison.Ordinal);
        Assert.Equal(0, await proxy.TerminateAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_settings_are_checked_and_what_a_restart_would_do_is_said(bool underNohup)
    {
        await WriteSettingsAsync();
        using var proxy = underNohup ? CommandProcess.StartUnderNohup("run", "--config", Config) : CommandProcess.Start("run", "--config", Config);
        await RequestAsync("/first");

        await WriteSettingsAsync("""  "Switch": { "Observe": "00:00:01" }, """);
        await proxy.HangUpAsync();
        Assert.Contains("systemctl reload edgeproxy", await proxy.ReadToAsync("has changed and is valid"), StringComparison.Ordinal);

        await WriteSettingsAsync("""  "Swich": { }, "Health": { "Attempts": 0 }, """);
        await proxy.HangUpAsync();
        await proxy.ReadToAsync("EdgeProxy:Swich");
        await proxy.ReadToAsync("EdgeProxy:Health:Attempts");
        Assert.Contains("stay in force", await proxy.ReadToAsync("is not valid any more"), StringComparison.Ordinal);

        await RequestAsync("/still-there");
        Assert.Equal(0, await proxy.TerminateAsync());
    }

    /// <summary>Sent by name, say, to all processes of EdgeProxy while one starts: the default of either signal would end it.</summary>
    [Fact]
    public async Task Signals_of_operators_do_not_end_a_process_that_starts()
    {
        await WriteSettingsAsync();
        var settings = await File.ReadAllTextAsync(Config, Cancellation);
        var slow = _directory["slow.json"];
        Assert.Equal(0, (await Tool.RunAsync("mkfifo", [slow])).ExitCode);
        using var proxy = CommandProcess.Start("run", "--config", slow);
        // Before it is the program, it ignores what this process does.
        await Eventually.TrueAsync(() => IsEdgeProxy(proxy.Id) && Ignored(proxy.Id, 1) && Ignored(proxy.Id, 12), "the process begins");

        await Tool.RunAsync("kill", ["-HUP", $"{proxy.Id}"]);
        await Tool.RunAsync("kill", ["-USR2", $"{proxy.Id}"]);
        await Task.Run(() => File.WriteAllText(slow, settings), Cancellation).Within(what: "the process reads its settings"); // open(2) waits for that

        await RequestAsync("/first");
        Assert.Equal(0, await proxy.TerminateAsync());
    }

    private static bool IsEdgeProxy(int pid) =>
        File.ReadAllText($"/proc/{pid}/cmdline").StartsWith($"{ChildLauncher.OwnExecutable}\0", StringComparison.Ordinal);

    /// <summary>proc_pid_status(5), SigIgn.</summary>
    private static bool Ignored(int pid, int signal)
    {
        var line = File.ReadLines($"/proc/{pid}/status").Single(line => line.StartsWith("SigIgn:", StringComparison.Ordinal));
        return (Convert.ToUInt64(line["SigIgn:".Length..].Trim(), 16) & (1UL << (signal - 1))) != 0;
    }

    private async Task RequestAsync(string path)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    using var response = await client.GetAsync(path, Cancellation);
                    return true;
                }
                catch (HttpRequestException)
                {
                    return false; // not there yet
                }
            },
            "the proxy responds");
        await Eventually.TrueAsync(
            () => File.Exists(LogFile) && File.ReadAllText(LogFile).Contains($"\"{path}\"", StringComparison.Ordinal), "the line is written");
    }

    private Task WriteSettingsAsync(string more = "") => File.WriteAllTextAsync(
        Config,
        $$"""
        {
          "EdgeProxy": {
            "Slots": { "Blue": { "Address": "http://127.0.0.1:{{_blue}}" }, "Green": { "Address": "http://127.0.0.1:{{_green}}" } },
            "Units": { "Manager": "Process", "Process": { "Command": "{{ChildLauncher.OwnExecutable}} sample-backend --port {port} --slot {slot}" } },
            {{more}}
            "Admin": { "Socket": "{{_directory["admin.sock"]}}", "Url": null },
            "State": { "Directory": "{{_directory["state"]}}" },
            "AccessLog": { "Path": "{{LogFile}}" }
          },
          "Kestrel": { "Endpoints": { "Http": { "Url": "http://127.0.0.1:{{_port}}" } } }
        }
        """,
        Cancellation);
}
