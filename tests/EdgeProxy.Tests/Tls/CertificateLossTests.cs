using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using Microsoft.Extensions.Configuration;

namespace EdgeProxy.Tests.Tls;

/// <summary>Which certificates a new process would not serve, while the one that runs does.</summary>
public sealed class CertificateLossTests : IDisposable
{
    private static readonly TestAuthority _authority = new();

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void One_that_has_lost_its_key_is_found_whether_it_is_named_or_in_a_directory()
    {
        var (a, b) = (Write("a"), Write("b"));
        Assert.Null(Find(a, CertificateState.Valid, a, b));
        Assert.Null(Find(_directory.Path, CertificateState.Valid, a, b));

        File.Delete(Path.ChangeExtension(b, ".key"));

        Assert.Null(Find(a, CertificateState.Valid, a, b));
        Assert.StartsWith(b, Find(b, CertificateState.Valid, a, b), StringComparison.Ordinal);
        Assert.StartsWith(b, Find(_directory.Path, CertificateState.Valid, a, b), StringComparison.Ordinal);
    }

    [Fact]
    public void One_that_the_running_process_cannot_use_either_keeps_nobody_from_a_reload()
    {
        var a = Write("a");
        File.Delete(Path.ChangeExtension(a, ".key"));

        Assert.Null(Find(a, CertificateState.Missing, a));
        Assert.Null(Find(_directory.Path, CertificateState.Missing, a));
    }

    [Fact]
    public void One_that_is_gone_from_its_directory_is_not_missed_and_one_that_is_named_anew_is_looked_at()
    {
        var (a, b) = (Write("a"), Write("b"));
        File.Delete(b);
        Assert.Null(Find(_directory.Path, CertificateState.Valid, a, b));

        var c = _directory["c.pem"];
        Assert.StartsWith(c, Find(c, CertificateState.Valid, a), StringComparison.Ordinal);
    }

    private string Write(string name)
    {
        var (chain, key) = _authority.Issue([$"{name}.example.com"]);
        File.WriteAllText(_directory[$"{name}.pem"], chain);
        File.WriteAllText(_directory[$"{name}.key"], key);
        return _directory[$"{name}.pem"];
    }

    private static string? Find(string configured, CertificateState state, params string[] running)
    {
        var settings = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["EdgeProxy:Tls:Certificates:0:Certificate"] = configured,
            ["EdgeProxy:Tls:Certificates:0:Key"] = Directory.Exists(configured) ? null : Path.ChangeExtension(configured, ".key"),
        }).Build();
        var known = running.Select(name => new CertificateStatus { Name = name, Source = CertificateSource.File, State = state });
        return CertificateLoss.Find(settings, [.. known], TimeProvider.System.GetUtcNow());
    }
}
