using System.Diagnostics;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.StaticFiles;

/// <summary>Debian's caddy as a file server and proxy, on a loopback port. Ended when disposed.</summary>
internal sealed class CaddyServer : IAsyncDisposable
{
    public const string Binary = "/usr/bin/caddy";

    private readonly Process _process;

    private CaddyServer(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    public Uri Address { get; }

    /// <summary><c>/static</c> from a directory with sidecars, the rest from an app, all of it compressed.</summary>
    public static Task<CaddyServer> StartAsync(TemporaryDirectory directory, string root, string app) => StartAsync(
        directory["Caddyfile"],
        $$"""
        	encode zstd gzip
        	handle_path /static/* {
        		root * {{root}}
        		file_server {
        			precompressed zstd br gzip
        		}
        	}
        	handle {
        		reverse_proxy {{app}}
        	}
        """);

    /// <summary>One site.</summary>
    /// <param name="caddyfile">Where to write its Caddyfile.</param>
    /// <param name="directives">What is in the block of the site.</param>
    public static async Task<CaddyServer> StartAsync(string caddyfile, string directives)
    {
        var port = Backend.FreePort();
        await File.WriteAllTextAsync(
            caddyfile,
            $$"""
            {
            	admin off
            	auto_https off
            }
            http://127.0.0.1:{{port}} {
            {{directives}}
            }

            """,
            TestContext.Current.CancellationToken);
        var process = Process.Start(new ProcessStartInfo(Binary, ["run", "--config", caddyfile])
        {
            RedirectStandardError = true,
            Environment = { ["HOME"] = Path.GetDirectoryName(caddyfile) },
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var server = new CaddyServer(process, new Uri($"http://127.0.0.1:{port}"));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.Address };
        await Eventually.TrueAsync(() => AnswersAsync(client), "caddy listens");
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static async Task<bool> AnswersAsync(HttpClient client)
    {
        try
        {
            using var response = await client.GetAsync("/", TestContext.Current.CancellationToken);
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
