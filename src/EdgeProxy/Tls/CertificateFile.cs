namespace EdgeProxy.Tls;

/// <summary>One pair of own files, looked at again and again.</summary>
/// <remarks>Compared by content: renewals replace the files, the links to them, or the directory above, and not always both files at once.</remarks>
/// <param name="certificatePath">The full chain.</param>
/// <param name="keyPath">The private key.</param>
internal sealed class CertificateFile(string certificatePath, string keyPath)
{
    /// <summary>What the last verdict was about; null: nothing was looked at yet.</summary>
    private Content? _judged;

    /// <summary>What was bad at the last look, but may be half of a change.</summary>
    private Content? _doubtful;

    /// <summary>What the pair is known by: the path of its certificate.</summary>
    public string Name => certificatePath;

    /// <summary>What is in service; null: nothing yet.</summary>
    public ServingCertificate? Current { get; private set; }

    /// <summary>The key can be read by every user of this machine.</summary>
    public bool IsKeyExposed { get; private set; }

    /// <summary>Reads the files. <see cref="Current"/> changes only to what can be used.</summary>
    /// <returns>Null: nothing new. Bad files that follow good ones are told at the second look that finds them so: a change takes a moment.</returns>
    public CertificateFileChange? Look(DateTimeOffset now)
    {
        var content = Read();
        if (content == _judged)
        {
            return null;
        }

        var problem = content.Problem ?? Use(content, now);
        if (problem is not null && _judged is not null && content != _doubtful)
        {
            _doubtful = content;
            return null;
        }

        _judged = content;
        return new CertificateFileChange(problem);
    }

    private string? Use(Content content, DateTimeOffset now)
    {
        try
        {
            var certificate = ServingCertificate.FromPem(content.Chain, content.Key);
            if (certificate.NotAfter <= now && Current is not null)
            {
                return $"has expired at {certificate.NotAfter:u}";
            }

            if (Current is not null)
            {
                // The old one stays until the new one can take a handshake. The first of all is prepared beside the start.
                certificate.PrepareAsync().GetAwaiter().GetResult();
            }

            Current = certificate;
            IsKeyExposed = (File.GetUnixFileMode(keyPath) & UnixFileMode.OtherRead) != 0;
            return null;
        }
        catch (CertificateException unusable)
        {
            return unusable.Message;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return $"cannot be read: {gone.Message}";
        }
    }

    private Content Read()
    {
        try
        {
            return new Content(File.ReadAllText(certificatePath), File.ReadAllText(keyPath), Problem: null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Content("", "", $"cannot be read: {e.Message}");
        }
    }

    private sealed record Content(string Chain, string Key, string? Problem);
}

/// <summary>What a look at a <see cref="CertificateFile"/> found.</summary>
/// <param name="Problem">Why the files cannot be used; null: they are in service.</param>
internal sealed record CertificateFileChange(string? Problem);
