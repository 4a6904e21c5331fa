using EdgeProxy.State;
using EdgeProxy.Tests.Support;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;

namespace EdgeProxy.Tests.Tls.Acme;

public sealed class CertificateStoreTests : IDisposable
{
    private readonly TemporaryDirectory _place = new();
    private readonly StateDirectory _state;
    private readonly CertificateStore _store;

    public CertificateStoreTests()
    {
        _state = StateDirectory.Open(_place["state"]);
        _store = new CertificateStore(_state);
    }

    public void Dispose()
    {
        _state.Dispose();
        _place.Dispose();
    }

    [Fact]
    public void A_certificate_comes_back_as_it_was_with_its_origin()
    {
        var (chain, key) = new TestAuthority().Issue(["shop.example.com"]);
        var written = new StoredCertificate(new Uri("https://ca.test/dir"), new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), chain + key);

        _store.WriteCertificate("shop.example.com", written);
        var read = _store.ReadCertificate("shop.example.com");

        Assert.Null(read.Problem);
        Assert.Equal((written.Directory, written.ObtainedAt), (read.Value!.Directory, read.Value.ObtainedAt));
        // other readers skip the lines before the blocks, too
        Assert.Equal(["shop.example.com"], ServingCertificate.FromPem(read.Value.Pem, read.Value.Pem).Names);
    }

    [Fact]
    public void Folders_that_others_could_enter_are_closed()
    {
        Directory.CreateDirectory(_place["state/certificates"], (UnixFileMode)Convert.ToInt32("755", 8));

        _store.WriteCertificate("shop.example.com", new StoredCertificate(new Uri("https://ca.test/dir"), DateTimeOffset.UnixEpoch, "x"));

        Assert.Equal(Convert.ToInt32("700", 8), (int)File.GetUnixFileMode(_place["state/certificates"]));
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("shop.example.com/../../x")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData("Shop.example.com")]
    [InlineData("shop.example.com\0.txt")]
    public void Nothing_but_a_domain_name_becomes_the_name_of_a_file(string domain) => Assert.Throws<ArgumentException>(() => _store.ReadCertificate(domain));

    [Theory]
    [InlineData("https://acme-v02.api.letsencrypt.org/directory", "acme-v02.api.letsencrypt.org-directory.json")]
    [InlineData("https://localhost:14000/dir", "localhost-14000-dir.json")]
    [InlineData("https://ca.test/../..%2f..%2fetc/x", "ca.test-..-2f..-2fetc-x.json")]
    public void Each_authority_has_an_account_file_of_its_own(string directory, string file)
    {
        _store.WriteAccount(new AcmeAccount(new Uri(directory), "key"));

        Assert.Equal([_place[$"state/acme/{file}"]], Directory.GetFiles(_place["state/acme"]));
        Assert.Equal("key", _store.ReadAccount(new Uri(directory)).Value!.Key);
    }
}
