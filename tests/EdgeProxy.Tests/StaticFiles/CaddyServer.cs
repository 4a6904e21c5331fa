using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
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
    /// <param name="scheme"><c>http</c>, or <c>https</c> with a <c>tls</c> directive.</param>
    /// <param name="host">Of the site.</param>
    public static async Task<CaddyServer> StartAsync(string caddyfile, string directives, string scheme = "http", string host = "127.0.0.1")
    {
        var address = new Uri($"{scheme}://{host}:{Backend.FreePort()}");
        await File.WriteAllTextAsync(
            caddyfile,
            $$"""
            {
            	admin off
            	auto_https off
            }
            {{address.GetLeftPart(UriPartial.Authority)}} {
            {{directives}}
            }

            """,
            TestContext.Current.CancellationToken);
        return await RunAsync(caddyfile, address);
    }

    /// <summary>A whole Caddyfile, with a site at this address.</summary>
    public static async Task<CaddyServer> RunAsync(string caddyfile, Uri address)
    {
        var process = Process.Start(new ProcessStartInfo(Binary, ["run", "--config", caddyfile])
        {
            RedirectStandardError = true,
            Environment = { ["HOME"] = Path.GetDirectoryName(caddyfile) },
        })!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        var server = new CaddyServer(process, address);
        await Eventually.TrueAsync(() => AcceptsAsync(address.Port), "caddy listens");
        return server;
    }

    public ValueTask DisposeAsync()
    {
        _process.KillAndWait();
        _process.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async Task<bool> AcceptsAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
