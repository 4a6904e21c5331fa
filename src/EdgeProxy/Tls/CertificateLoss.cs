using EdgeProxy.Configuration;

namespace EdgeProxy.Tls;

/// <summary>What a new process would not serve: it reads all files anew, while the one that runs may have those from before.</summary>
internal sealed class CertificateLoss(CertificateStatusRegistry certificates, TimeProvider time) : IReloadCheck
{
    public ReloadRefusal? Check(IConfiguration running, IConfiguration next) => Find(next, certificates.Read(), time.GetUtcNow()) is { } loss
        ? new(
            $"the certificate {loss}, and the new process would have none in its place; put that right, or take it out of the settings",
            AreSettingsWrong: true)
        : null;

    /// <summary>Own certificates that settings name and that cannot be used, but for those that the running process cannot use either.</summary>
    /// <param name="settings">Of the new process, checked.</param>
    /// <param name="running">Those of the running one.</param>
    /// <returns>The first, and why; null: there is none.</returns>
    public static string? Find(IConfiguration settings, IReadOnlyList<CertificateStatus> running, DateTimeOffset now)
    {
        var known = running.Where(status => status.Source == CertificateSource.File).ToDictionary(status => status.Name, status => status.State);
        foreach (var entry in settings.GetSection($"{TlsOptions.SectionName}:{nameof(TlsOptions.Certificates)}").GetChildren())
        {
            var path = entry[nameof(CertificateFileOptions.Certificate)]!;
            // Of a directory: one that is gone with its name is not missed.
            (string Certificate, string Key)[] pairs = Directory.Exists(path)
                ? [.. known.Keys.Where(name => IsBelow(path, name) && File.Exists(name)).Select(name => (name, Path.ChangeExtension(name, ".key")))]
                : [(path, entry[nameof(CertificateFileOptions.Key)]!)];
            foreach (var (certificate, key) in pairs)
            {
                if (known.GetValueOrDefault(certificate, CertificateState.Valid) != CertificateState.Missing
                    && new CertificateFile(certificate, key).Look(now) is { Problem: { } problem })
                {
                    return $"{certificate} {problem}";
                }
            }
        }

        return null;
    }

    private static bool IsBelow(string directory, string file) =>
        file.StartsWith($"{Path.TrimEndingDirectorySeparator(directory)}/", StringComparison.Ordinal);
}
