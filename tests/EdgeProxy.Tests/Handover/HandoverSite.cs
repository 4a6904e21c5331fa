using System.Globalization;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using EdgeProxy.Api;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Packages;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tests.Tls;
using Microsoft.AspNetCore.Http;
using OsProcess = System.Diagnostics.Process;

namespace EdgeProxy.Tests.Handover;

/// <summary>A proxy that is a process of its own, without systemd, before a real app server; it replaces itself when it is told to.</summary>
internal sealed class HandoverSite : IAsyncDisposable
{
    private static readonly TestAuthority _authority = new();

    private readonly TemporaryDirectory _directory = new();
    private readonly List<int> _processes = [];
    private readonly StringBuilder _log = new();
    private Backend? _blue;
    private Backend? _green;
    private CommandProcess? _first;
    private bool _isContainer;

    private HandoverSite()
    {
    }

    /// <summary>For <see cref="StartAsync"/>: slots that EdgeProxy runs itself.</summary>
    public static string ChildProcesses { get; } = "\"children\": true,";

    public int Http { get; } = Backend.FreePort();

    public int Https { get; } = Backend.FreePort();

    public static X509Certificate2 Root => _authority.Root;

    public string Settings => _directory["appsettings.json"];

    public string Program => _directory["edgeproxy"];

    /// <summary>Where the proxy reads root certificates, besides the machine's directory; there is no such file yet.</summary>
    public string Roots => _directory["roots.pem"];

    public CommandProcess First => _first!;

    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="crashAt">Where a process ends as by SIGKILL; null: nowhere.</param>
    /// <param name="isContainer">The first process is the first one of its PID namespace: the namespace ends with it.</param>
    public static async Task<HandoverSite> StartAsync(string? crashAt = null, bool isContainer = false, string more = "")
    {
        var site = new HandoverSite();
        var (chain, key) = _authority.Issue(["api.example.com"]);
        await File.WriteAllTextAsync(site._directory["site.pem"], chain, Cancellation);
        await File.WriteAllTextAsync(site._directory["site.key"], key, Cancellation);
        site._blue = await Backend.StartAsync(context => RespondAsync(context, "blue"));
        site._green = await Backend.StartAsync(context => RespondAsync(context, "green"));
        await site.WriteSettingsAsync(more);
        File.CreateSymbolicLink(site.Program, ChildLauncher.OwnExecutable);
        site._first = isContainer
            ? CommandProcess.StartProgram("unshare", crashAt, "--pid", "--fork", "--kill-child", "--mount-proc", site.Program, "run", "--config", site.Settings)
            : CommandProcess.StartProgram("env", crashAt, $"SSL_CERT_FILE={site.Roots}", site.Program, "run", "--config", site.Settings);
        site._isContainer = isContainer;
        site._processes.Add(site._first.Id);
        _ = site.ReadLogAsync(site._first.Output);
        await Eventually.TrueAsync(async () => await site.PidAsync() is not null, "the proxy responds");
        return site;
    }

    /// <param name="more">Further members of the section <c>EdgeProxy</c>, each with a comma behind it.</param>
    /// <param name="endpoints">Further ones, each with a comma behind it.</param>
    public Task WriteSettingsAsync(string more = "", string endpoints = "") => WriteSettingsAsync(
        more == ChildProcesses
            ? $$"""
              "Units": { "Manager": "Process", "Process": { "Command": "{{ChildLauncher.OwnExecutable}} sample-backend --port {port} --slot {slot}" } },
              "Switch": { "Observe": "00:00:00" }, "Companions": [ { "Name": "worker", "Command": "sleep 600", "Settle": "00:00:00" } ],
              """
            : $$"""
              "Units": { "Bus": "unix:path={{_directory["no-bus"]}}" }, {{more}}
              """,
        endpoints,
        more == ChildProcesses ? (Backend.FreePort(), Backend.FreePort()) : (_blue!.Port, _green!.Port));

    private Task WriteSettingsAsync(string more, string endpoints, (int Blue, int Green) slots) => File.WriteAllTextAsync(
        Settings,
        $$"""
        {
          "EdgeProxy": {
            {{more}}
            "Slots": {
              "Blue": { "Address": "http://127.0.0.1:{{slots.Blue}}", "Unit": "blue.service" },
              "Green": { "Address": "http://127.0.0.1:{{slots.Green}}", "Unit": "green.service" } },
            "Tls": { "Certificates": [{ "Certificate": "{{_directory["site.pem"]}}", "Key": "{{_directory["site.key"]}}" }], "RedirectHttp": false },
            "Admin": { "Socket": "{{_directory["admin.sock"]}}", "Url": null },
            "State": { "Directory": "{{_directory["state"]}}" },
            "AccessLog": { "Format": "None" }
          },
          "Logging": { "LogLevel": { "EdgeProxy.Switching": "None", "EdgeProxy.Units": "None" } },
          "Kestrel": { "Endpoints": {
            {{endpoints}}
            "Http": { "Url": "http://127.0.0.1:{{Http}}" }, "Https": { "Url": "https://127.0.0.1:{{Https}}" } } }
        }
        """,
        Cancellation);

    /// <summary>The process that responds on the admin socket; null: none.</summary>
    public async Task<int?> PidAsync() => (await StatusAsync())?.GetProperty("pid").GetInt32();

    public async Task<JsonElement?> StatusAsync()
    {
        try
        {
            using var client = AdminClient.ForSocket(_directory["admin.sock"]);
            var response = await client.GetAsync(AdminApi.Status, Cancellation);
            using var json = JsonDocument.Parse(response.Body);
            return json.RootElement.Clone();
        }
        catch (AdminUnreachableException)
        {
            return null;
        }
    }

    /// <summary>The process of a slot; 0: none runs.</summary>
    public async Task<int> SlotAsync(string slot) =>
        (await StatusAsync())!.Value.GetProperty("slots").GetProperty(slot) is var view && view.TryGetProperty("mainPid", out var pid)
            && pid.ValueKind == JsonValueKind.Number ? pid.GetInt32() : 0;

    /// <summary>The process of the companion; 0: none runs.</summary>
    public async Task<int> CompanionAsync() =>
        (await StatusAsync())!.Value.GetProperty("companions").EnumerateArray().Single() is var view && view.TryGetProperty("mainPid", out var pid)
            && pid.ValueKind == JsonValueKind.Number ? pid.GetInt32() : 0;

    /// <summary><c>edgeproxy reload</c>.</summary>
    public Task<CommandLine> ReloadAsync() => RunAsync("reload");

    /// <summary>A verb that speaks to the proxy.</summary>
    public Task<CommandLine> RunAsync(string verb, params string[] arguments) =>
        CommandProcess.RunAsync([verb, "--socket", _directory["admin.sock"], .. arguments]);

    /// <summary>The number by which this machine knows the first process of a container.</summary>
    public async Task<int> FirstOfContainerAsync() =>
        int.Parse(await File.ReadAllTextAsync($"/proc/{First.Id}/task/{First.Id}/children", Cancellation), CultureInfo.InvariantCulture);

    /// <summary>The same, and it succeeds.</summary>
    /// <returns>The new process.</returns>
    public async Task<int> HandOverAsync()
    {
        var before = await PidAsync();
        var reload = await ReloadAsync();
        Assert.True(reload.ExitCode == 0, $"{reload.Output}{reload.Error}\n{Log}");
        await Eventually.TrueAsync(async () => await PidAsync() is { } pid && pid != before, "another process responds");
        var now = (await PidAsync())!.Value;
        if (!_isContainer)
        {
            _processes.Add(now); // else a number of its own namespace
        }

        return now;
    }

    /// <summary>The program is one of two files in turn, as an upgrade makes it.</summary>
    public void Install(int version)
    {
        var copy = _directory[$"edgeproxy-{version % 2}"];
        if (!File.Exists(copy))
        {
            // A build that is not native lies beside its assemblies.
            File.CreateSymbolicLink(copy, version % 2 == 0 || Package.NativeBinary is not { } native ? ChildLauncher.OwnExecutable : native);
        }

        File.Move(copy, Program, overwrite: true);
    }

    /// <summary>The program is another one from now on.</summary>
    public void Install(string script)
    {
        File.Delete(Program);
        File.WriteAllText(Program, script);
        File.SetUnixFileMode(Program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Whether a new connection is served.</summary>
    public async Task<bool> IsServedAsync(string path = "/")
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(5) };
        try
        {
            return (await client.GetAsync($"http://127.0.0.1:{Http}{path}", Cancellation)).IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    public static async Task SignalAsync(int process, string name)
    {
        using var kill = OsProcess.Start("kill", [$"-{name}", process.ToString(CultureInfo.InvariantCulture)]);
        await kill.EndWithin();
    }

    public static bool IsAlive(int process) =>
        File.Exists($"/proc/{process}/stat") && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);

    /// <summary>Those of its processes that have not ended.</summary>
    public IEnumerable<int> Alive() => _processes.Distinct().Where(IsAlive);

    /// <summary>How many files and sockets it has open.</summary>
    public static int Descriptors(int process) => Directory.GetFileSystemEntries($"/proc/{process}/fd").Length;

    /// <summary>The processes of this site that have the public socket.</summary>
    public IReadOnlyList<int> Accepting()
    {
        // proc(5): a line for each socket, "sl local remote state ...", of which 0A listens, and the tenth is its inode.
        var address = $"0100007F:{Http:X4}";
        var inodes = File.ReadLines("/proc/net/tcp").Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(line => line[1] == address && line[3] == "0A").Select(line => $"socket:[{line[9]}]").ToList();
        return [.. Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, CultureInfo.InvariantCulture, out _))
            .Select(name => int.Parse(name!, CultureInfo.InvariantCulture)).Where(process => Has(process, inodes))];
    }

    private static bool Has(int process, List<string> sockets)
    {
        try
        {
            return Directory.GetFileSystemEntries($"/proc/{process}/fd").Any(descriptor => sockets.Contains(new FileInfo(descriptor).LinkTarget ?? ""));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false; // it has ended, or is another user's
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isContainer && await PidAsync() is { } last)
        {
            _processes.Add(last);
        }

        foreach (var process in Alive().ToList())
        {
            await SignalAsync(process, "KILL");
        }

        _first?.Dispose();
        await (_blue?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_green?.DisposeAsync() ?? ValueTask.CompletedTask);
        _directory.Dispose();
    }

    private async Task ReadLogAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line)
        {
            lock (_log)
            {
                _log.AppendLine(line);
            }
        }
    }

    private static async Task RespondAsync(HttpContext context, string slot)
    {
        var aborted = context.RequestAborted;
        context.Response.Headers["X-Slot"] = slot;
        switch (context.Request.Path.Value)
        {
            case "/hash":
                var hash = await SHA256.HashDataAsync(context.Request.Body, aborted);
                await context.Response.WriteAsync($$"""{"sha256":"{{Convert.ToHexStringLower(hash)}}"}""", aborted);
                break;
            case "/slow":
                var wait = TimeSpan.FromMilliseconds(int.Parse(context.Request.Query["ms"]!, CultureInfo.InvariantCulture));
                await Task.Delay(wait, TimeProvider.System, aborted);
                await context.Response.WriteAsync("ok", aborted);
                break;
            case "/events":
                context.Response.ContentType = "text/event-stream";
                for (var i = 0; ; i++)
                {
                    await context.Response.WriteAsync($"data: {i}\n\n", aborted);
                    await context.Response.Body.FlushAsync(aborted);
                    await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, aborted);
                }

            case "/download":
                for (var i = 0; i < int.Parse(context.Request.Query["steps"]!, CultureInfo.InvariantCulture); i++)
                {
                    await context.Response.Body.WriteAsync(new byte[16 * 1024], aborted);
                    await context.Response.Body.FlushAsync(aborted);
                    await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, aborted);
                }

                break;
            case "/echo":
                using (var socket = await context.WebSockets.AcceptWebSocketAsync())
                {
                    var buffer = new byte[1024];
                    while (await socket.ReceiveAsync(buffer, aborted) is { MessageType: not WebSocketMessageType.Close } received)
                    {
                        await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, aborted);
                    }

                    await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, aborted);
                }

                break;
            default:
                await context.Response.WriteAsync("ok", aborted);
                break;
        }
    }
}
