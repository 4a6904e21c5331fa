using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Tls;

/// <summary>A real Caddy that makes certificates by its internal authority and stores them where it always does. Ended when disposed.</summary>
internal sealed class CaddyStorage : IAsyncDisposable
{
    private readonly TemporaryDirectory _storage;
    private readonly Process _caddy;

    private CaddyStorage(TemporaryDirectory storage, Process caddy) => (_storage, _caddy) = (storage, caddy);

    public static async Task<CaddyStorage> StartAsync(TemporaryDirectory storage, params string[] names)
    {
        var (http, https) = (Backend.FreePort(), Backend.FreePort());
        await File.WriteAllTextAsync(
            storage["Caddyfile"],
            $$"""
            {
              admin off
              skip_install_trust
              http_port {{http}}
              https_port {{https}}
            }
            {{string.Join(", ", names)}} {
              bind 127.0.0.1
              tls internal
            }

            """,
            TestContext.Current.CancellationToken);
        var start = new ProcessStartInfo("/usr/bin/caddy", ["run", "--config", storage["Caddyfile"], "--adapter", "caddyfile"])
        {
            Environment = { ["XDG_DATA_HOME"] = storage.Path, ["HOME"] = storage.Path },
            RedirectStandardError = true,
        };
        var caddy = Process.Start(start)!;
        caddy.BeginErrorReadLine();
        return new CaddyStorage(storage, caddy);
    }

    public static X509Certificate2 RootOf(TemporaryDirectory storage) =>
        X509CertificateLoader.LoadCertificateFromFile(storage["caddy/pki/authorities/local/root.crt"]);

    public Task WaitForAsync(params string[] names) => Eventually.TrueAsync(
        () =>
            names.All(
                name =>
                    File.Exists(_storage[$"caddy/certificates/local/{name}/{name}.key"])
                        && File.Exists(_storage[$"caddy/certificates/local/{name}/{name}.crt"])),
        "Caddy has its certificates");

    public ValueTask DisposeAsync()
    {
        _caddy.KillAndWait();
        _caddy.Dispose();
        return ValueTask.CompletedTask;
    }
}
