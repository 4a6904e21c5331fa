using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EdgeProxy.Fleet;
using EdgeProxy.Fleet.Etcd;
using EdgeProxy.Tests.Support;
using Grpc.Core;

namespace EdgeProxy.Tests.Fleet;

/// <summary>An etcd that asks for a client certificate, or a password, and lets its user read and write one prefix.</summary>
public sealed class EtcdAccessTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_certificate_gets_its_own_prefix_and_nothing_else()
    {
        using var authority = new Authority();
        authority.Write(_directory, "server", "localhost");
        authority.Write(_directory, "root", "root");
        authority.Write(_directory, "edgeproxy", "edgeproxy");
        using var stranger = new Authority();
        stranger.Write(_directory, "stranger", "edgeproxy", ca: "stranger-ca");
        await using var etcd = await EtcdCluster.StartAsync(1, Uri.UriSchemeHttps,
        [
            "--cert-file", _directory["server.pem"], "--key-file", _directory["server.key"], "--trusted-ca-file", _directory["ca.pem"], "--client-cert-auth",
        ]);
        string[] root = ["--cacert", _directory["ca.pem"], "--cert", _directory["root.pem"], "--key", _directory["root.key"]];
        await Eventually.TrueAsync(async () => (await etcd.CtlAsync([.. root, "get", "/up"])).ExitCode == 0, "etcd answers");
        await SetUpRolesAsync(etcd, root);

        using var client = new EtcdClient(OptionsOf(etcd, "edgeproxy"), TimeProvider.System);
        await PutAsync(client, "/edgeproxy/shop/a");
        Assert.Single((await client.ReadAsync("/edgeproxy/shop/", Cancellation)).Keys);
        var refused = await Assert.ThrowsAsync<EtcdException>(() => client.CommitAsync([], [Transaction.Put("/other/a", "1")], Cancellation));
        Assert.Equal(StatusCode.PermissionDenied, refused.Status);
        Assert.Equal(StatusCode.PermissionDenied, (await Assert.ThrowsAsync<EtcdException>(() => client.ReadAsync("/other/", Cancellation))).Status);

        using var wrong = new EtcdClient(OptionsOf(etcd, "stranger"), TimeProvider.System);
        await Assert.ThrowsAsync<EtcdException>(() => wrong.ReadAsync("/edgeproxy/shop/", Cancellation));
        using var misled = new EtcdClient(OptionsOf(etcd, "edgeproxy", ca: "stranger-ca"), TimeProvider.System);
        await Assert.ThrowsAsync<EtcdException>(() => misled.ReadAsync("/edgeproxy/shop/", Cancellation));
    }

    /// <summary>Again until it is done, which is harmless here: a handshake on a busy machine may take longer than a call.</summary>
    private static Task PutAsync(EtcdClient client, string key) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                return await client.CommitAsync([], [Transaction.Put(key, "1")], Cancellation);
            }
            catch (EtcdException e) when (e.Status == StatusCode.DeadlineExceeded)
            {
                return false;
            }
        },
        $"{key} is put");

    [Fact]
    public async Task A_password_is_used_where_etcd_asks_for_one()
    {
        await using var etcd = await EtcdCluster.StartAsync();
        await SetUpRolesAsync(etcd, [], password: "s3cret");
        await File.WriteAllTextAsync(_directory["password"], "s3cret\n", Cancellation);

        using var client = new EtcdClient(
            new EtcdOptions { Endpoints = etcd.Endpoints, User = "edgeproxy", PasswordFile = _directory["password"] }, TimeProvider.System);
        await PutAsync(client, "/edgeproxy/shop/a");
        using var nobody = new EtcdClient(etcd.Options, TimeProvider.System);
        await Assert.ThrowsAsync<EtcdException>(() => nobody.ReadAsync("/edgeproxy/shop/", Cancellation));
    }

    public void Dispose() => _directory.Dispose();

    private EtcdOptions OptionsOf(EtcdCluster etcd, string name, string ca = "ca") => new()
    {
        Endpoints = etcd.Endpoints,
        Certificate = _directory[$"{name}.pem"],
        Key = _directory[$"{name}.key"],
        TrustedRoots = _directory[$"{ca}.pem"],
    };

    private static async Task SetUpRolesAsync(EtcdCluster etcd, string[] access, string password = "none")
    {
        string[][] calls =
        [
            ["user", "add", $"root:{password}"], ["user", "grant-role", "root", "root"], ["role", "add", "edgeproxy"],
            ["role", "grant-permission", "--prefix=true", "edgeproxy", "readwrite", "/edgeproxy/shop/"],
            ["user", "add", $"edgeproxy:{password}"], ["user", "grant-role", "edgeproxy", "edgeproxy"], ["auth", "enable"],
        ];
        foreach (var call in calls)
        {
            var done = await etcd.CtlAsync([.. access, .. call]);
            Assert.True(done.ExitCode == 0, $"{string.Join(' ', call)}: {done.Error}");
        }
    }

    /// <summary>An authority, and what it issues.</summary>
    private sealed class Authority : IDisposable
    {
        private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        private readonly X509Certificate2 _root;

        public Authority()
        {
            var request = new CertificateRequest("CN=test", _key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
            _root = request.CreateSelfSigned(TimeProvider.System.GetUtcNow().AddHours(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        }

        public void Write(TemporaryDirectory directory, string file, string name, string ca = "ca")
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(name);
            names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.1"), new("1.3.6.1.5.5.7.3.2")], false));
            using var certificate = request.Create(_root, _root.NotBefore, _root.NotAfter, RandomNumberGenerator.GetBytes(8));
            File.WriteAllText(directory[$"{file}.pem"], certificate.ExportCertificatePem());
            File.WriteAllText(directory[$"{file}.key"], key.ExportPkcs8PrivateKeyPem());
            File.WriteAllText(directory[$"{ca}.pem"], _root.ExportCertificatePem());
        }

        public void Dispose()
        {
            _root.Dispose();
            _key.Dispose();
        }
    }
}
