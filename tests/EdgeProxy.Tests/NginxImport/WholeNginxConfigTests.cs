using System.Diagnostics;
using System.Net.Sockets;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport;
using EdgeProxy.Tests.CaddyImport;
using EdgeProxy.Tests.Importing;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.NginxImport;

/// <summary>The real nginx with whole configurations, and EdgeProxy with the settings that come of them, get the same requests, with the app up and down.
/// Whatever differs is in the table, with the reason, or fails.</summary>
public sealed class WholeNginxConfigTests
{
    private const string Binary = "/usr/sbin/nginx";

    /// <summary>The password "secret", cheap to check.</summary>
    private const string Secret = "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

    private static readonly IntendedDifference[] _intended =
    [
        new("/docs( |$)", @"^(status: 301 \| 308|Location: http://[^/]*(?<path>/\S*) \| \k<path>)$", "a slash is mended by 308, to a path"),
        new(@"/(static|media)/( \(app down\))?$", @"^status: 403 \| 404$", "nginx says that there is a directory"),
        new("", @"^Content-Type: (?<type>text/\w+) \| \k<type>; charset=utf-8$", "files of text are UTF-8"),
        new(@"\.css", @"^Content-Type: text/css \| text/plain$", "the text of a return has the type of its path, here that of its location"),
        new("", @"^body: (?<begin>(app|other): \S+ \S+ \S+ )(?<rest>.*) \| \k<begin>x-forwarded-proto=http ?\k<rest>$", "the field is set in any case"),
        new("A.TEST", @"^body: .* a\.test (?<rest>.*)\| .* A\.TEST ", "a host keeps its letter case"),
        new(@"\.css|%2Ecss", @"^Expires: \d.* \| $", "expires becomes max-age, which counts more (RFC 9111 section 5.3)"),
        new("//", @"^body: exact /exact //exact \| exact //exact //exact$", "slashes in a row are one to nginx, in $uri, too"),
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_settings_serve_what_nginx_serves()
    {
        Assert.SkipUnless(File.Exists(Binary), "nginx is not installed");
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
        var report = new DifferenceReport(_intended);
        foreach (var whole in WholeNginxConfigs.All)
        {
            await CompareAsync(client, whole, report);
        }

        report.Require("nginx", $"{WholeNginxConfigs.All.Count} whole configurations of nginx");
    }

    private static async Task CompareAsync(HttpClient client, WholeNginxConfigs.Whole whole, DifferenceReport report)
    {
        await using var other = await Backend.StartAsync(context => AskedServers.RespondAsync(context, "other"));
        var app = await Backend.StartAsync(context => AskedServers.RespondAsync(context, "app"));
        try
        {
            using var file = new Caddyfile("");
            AskedServers.WriteFiles(file);
            file.Write("files/media/m.txt", "media");
            file.Write("files/media/a b.txt", "media");
            file.Write("users", $"# of htpasswd -B\nadmin:{Secret}:and more\n\nadmin:of no account\n");
            var port = Backend.FreePort();
            var content = whole.Content
                .Replace("PORT", $"{port}", StringComparison.Ordinal)
                .Replace("APP", HostOf(app), StringComparison.Ordinal)
                .Replace("THIRD", HostOf(other).Replace("127.0.0.1", "localhost", StringComparison.Ordinal), StringComparison.Ordinal)
                .Replace("OTHER", HostOf(other), StringComparison.Ordinal);
            file.Write("nginx.conf", $$"""
                daemon off;
                master_process off;
                pid DIR/nginx.pid;
                error_log DIR/error.log;
                events { worker_connections 100; }
                http {
                    access_log off;
                    client_body_temp_path DIR/body;
                    proxy_temp_path DIR/proxy;
                    fastcgi_temp_path DIR/fastcgi;
                    uwsgi_temp_path DIR/uwsgi;
                    scgi_temp_path DIR/scgi;
                    types { text/plain txt; text/css css; text/html html; image/x-icon ico; }
                {{content}}
                }
                """);
            using var nginx = Process.Start(new ProcessStartInfo(Binary, ["-c", file["nginx.conf"]]) { RedirectStandardError = true })!;
            try
            {
                var address = new Uri($"http://127.0.0.1:{port}");
                await Eventually.TrueAsync(() => AcceptsAsync(port), "nginx listens");
                var options = new ImportOptions(app.Address, "http://127.0.0.1:1", HealthPath: "/healthz", App: app.Address);
                var result = NginxConfigImport.Run(file["nginx.conf"], options);
                Assert.Equal([], result.Problems.Select(problem => problem.ToString()));
                await using var proxy = await AskedServers.StartImportedAsync(app.Address, result);
                foreach (var isUp in new[] { true, false })
                {
                    if (!isUp)
                    {
                        await app.DisposeAsync();
                    }

                    foreach (var ask in whole.Asks.Select(Ask.Parse))
                    {
                        report.Add(
                            whole.Name,
                            $"{ask}{(isUp ? "" : " (app down)")}",
                            AskedServers.Differences(
                                await AskedServers.SendAsync(client, address, ask), await AskedServers.SendAsync(client, proxy.Address, ask)));
                    }
                }
            }
            finally
            {
                nginx.KillAndWait();
            }
        }
        finally
        {
            await app.DisposeAsync();
        }
    }

    private static string HostOf(Backend backend) => new Uri(backend.Address).Authority;

    private static async Task<bool> AcceptsAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync("127.0.0.1", port, Cancellation);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
