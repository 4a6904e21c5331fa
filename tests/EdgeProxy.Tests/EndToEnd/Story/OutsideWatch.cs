using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using EdgeProxy.Cli;
using EdgeProxy.Processes;
using EdgeProxy.Tests.Lab;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd.Story;

/// <summary>One <c>edgeproxy watch</c> of a URL, on the same network as a lab that has one of its own, but not on its machine: it goes on when that
/// reboots.</summary>
internal sealed class OutsideWatch : IDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(50);

    private readonly TemporaryDirectory _directory = new();
    private readonly Process _process;
    private readonly int _expected;

    private OutsideWatch(SystemdLab lab, Uri url, string root, int expected)
    {
        (Url, _expected) = (url, expected);
        File.WriteAllText(Hosts, $"127.0.0.1 {url.Host}\n");
        File.WriteAllText(Root, root);
        File.WriteAllText(Log, "");
        // Each replaces the one before: the process that is started is the watch in the end.
        _process = Process.Start(new ProcessStartInfo("nsenter",
        [
            $"--net={lab.Network}",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "bash",
            "-c",
            "mount --bind \"$1\" /etc/hosts && exec \"${@:3}\" > \"$2\"",
            "watch",
            Hosts,
            Log,
            "env",
            $"SSL_CERT_FILE={Root}",
            ChildLauncher.OwnExecutable,
            "watch",
            url.AbsoluteUri,
            "--interval",
            string.Create(CultureInfo.InvariantCulture, $"{_interval.TotalMilliseconds}ms"),
            "--json",
        ]))!;
    }

    public Uri Url { get; }

    /// <summary>All so far; each took no longer than the watch's own patience.</summary>
    public IReadOnlyList<WatchedRequest> Requests
    {
        get
        {
            var text = File.ReadAllText(Log);
            return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonSerializer.Deserialize(line, CliJson.Relaxed.WatchedRequest)!)];
        }
    }

    private string Hosts => _directory["hosts"];

    private string Root => _directory["root.pem"];

    private string Log => _directory["log"];

    /// <param name="lab">Booted alone.</param>
    /// <param name="url">Its host is the lab.</param>
    /// <param name="root">What it trusts, as PEM.</param>
    /// <param name="expected">The status of a good response.</param>
    public static OutsideWatch Start(SystemdLab lab, string url, string root, int expected = 200) => new(lab, new Uri(url), root, expected);

    public bool IsGood(WatchedRequest request) => request.Status == _expected && request.Error is null;

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.KillAndWait();
        }

        _process.Dispose();
        _directory.Dispose();
    }
}
